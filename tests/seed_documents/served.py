"""Asks an installation for the vendors' example documents; used by the whole-system test."""

from collections.abc import Iterator
from decimal import Decimal
from json import dumps, loads
from typing import Any

import httpx

from tests.equality import differences
from tests.seed_documents import (
    call_execution,
    campaign_executions,
    decided,
    workflow_execution,
)

#: What all examples follow from.
EVENTS = [*campaign_executions.EVENTS, *call_execution.EVENTS, *workflow_execution.EVENTS]
#: Path and example of each interface.
EXAMPLES: dict[str, dict[str, Any]] = {
    campaign_executions.PATH: campaign_executions.EXAMPLE,
    call_execution.PATH: decided(call_execution.EXAMPLE, call_execution.DECIDED),
    workflow_execution.PATH: workflow_execution.EXAMPLE,
}


def differences_from_examples(read_api_url: str, key: str) -> Iterator[str]:
    """Every place where an answer is not the vendor's document, keys and their order included."""
    for path, example in EXAMPLES.items():
        answer = httpx.get(f"{read_api_url}{path}", headers={"authorization": f"Bearer {key}"})
        found = loads(answer.text, parse_float=Decimal)
        if path == campaign_executions.PATH and "executions" in found:
            # The vendor prints two of the fifty items of the page.
            found["executions"] = found["executions"][:2]
        yield from differences(loads(dumps(example), parse_float=Decimal), found, path)
