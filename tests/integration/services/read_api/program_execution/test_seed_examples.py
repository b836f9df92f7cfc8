"""The vendor's example documents, yielded by the events of a hand-made campaign."""

from decimal import Decimal
from json import dumps, loads
from typing import Any

import pytest

from shared.storage.api_keys import create_api_key
from tests.equality import differences
from tests.integration.services.read_api.flow_events import fold
from tests.integration.services.read_api.process import ReadApi
from tests.seed_documents import ORGANIZATION, decided
from tests.seed_documents.program_execution import BY_CLOCK, DECIDED, EVENTS, EXAMPLES, PATH


@pytest.fixture(scope="module")
def seeds_key(read_url: str) -> str:
    """A key of the organization whose events are folded."""
    fold(read_url, *EVENTS)
    return create_api_key(read_url, ORGANIZATION, ["read"], "tests")


@pytest.mark.parametrize("report", EXAMPLES)
def test_events_of_a_campaign_give_the_example(
    read_api: ReadApi, seeds_key: str, report: str
) -> None:
    """All keys in their order, types and figures, but for what the documents contradict."""
    example = _exact(dumps(decided(EXAMPLES[report], DECIDED.get(report, {}))))
    found = _exact(read_api.get(PATH + report, seeds_key).body)
    for name in example.keys() & set(BY_CLOCK):
        assert type(example[name]) is type(found[name])
        example[name] = found[name]
    assert [] == list(differences(example, found))


def _exact(document: str | bytes) -> Any:
    return loads(document, parse_float=Decimal)
