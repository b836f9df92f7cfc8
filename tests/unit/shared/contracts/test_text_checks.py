"""The rules for text: which events skip them, and where a key is found."""

from typing import Any

import pytest

from shared.contracts.codec import decode_event
from shared.contracts.text_checks import plain
from shared.errors import ContractError
from tests.contract.wire import json_bytes, saying


@pytest.mark.parametrize(
    ("raw", "skips"),
    (
        (b'{"id":"a"}', True),
        (b'{"id":"\xc3\xa9"}', False),
        (rb'{"id":"\u0041"}', False),
        (rb'{"id":"\t"}', False),
        (b'{"id":"\x7f"}', False),
    ),
)
def test_only_plain_ascii_skips_the_checks(raw: bytes, skips: bool) -> None:
    """Whatever may hide a control character, U+0000 or bytes that are not UTF-8 is looked at."""
    assert skips is plain(raw)


BAD_KEY = "a\u0085b"
STEP = {"stepId": "s", "nodeId": "n"}
NODE = {"id": "a", "type": "dial"}
EDGE = {"id": "e", "source": "a", "target": "b"}
FLOW: dict[str, Any] = {"name": "f", "version": 1, "nodes": [NODE], "edges": [EDGE]}


@pytest.mark.parametrize(
    ("event", "path"),
    (
        (saying("call.charged", amount=1, component=BAD_KEY), "$.data.component"),
        (saying("node.exited", **{**STEP, "edgeId": BAD_KEY}), "$.data.edgeId"),
        (saying("variable.set", name=BAD_KEY, value=1), "$.data.name"),
        (saying("contact.updated", attributes={"ok": 1, BAD_KEY: 2}), "$.data.attributes"),
        (
            saying("flow.published", **{**FLOW, "nodes": [NODE, {**NODE, "id": BAD_KEY}]}),
            "$.data.nodes[1].id",
        ),
        (
            saying("flow.published", **{**FLOW, "edges": [{**EDGE, "target": BAD_KEY}]}),
            "$.data.edges[0].target",
        ),
    ),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_control_character_is_found_in_every_kind_of_key(event: dict[str, Any], path: str) -> None:
    """Keys are found in payloads, lists of structs and the names of a map; the path tells which."""
    with pytest.raises(ContractError, match="control character") as caught:
        decode_event(json_bytes(event))

    assert path in caught.value.detail


def test_text_that_is_no_key_may_hold_control_characters() -> None:
    """A transcript has lines; only keys must not."""
    decode_event(json_bytes(saying("call.transcribed", transcript="line\nline\u0085\u007f")))
