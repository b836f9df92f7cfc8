"""Facts: stamps, what was said, and merging key by key (events.md, rules 3 and 4)."""

import msgspec

from shared.contracts.call_events import CallAnalyzedData, CallInitiatedData
from shared.folds.facts import merge_keys, merged_keys, said_keys, stamp
from tests.unit.shared.folds.given import TEN_US, decoded


def test_a_stamp_orders_by_time_rank_source_and_id() -> None:
    """The rank of `call.ringing` is its place in events.md: 19 types stand before it."""
    event = decoded("call.ringing", "10:00:00", source="/a", id_="7")
    assert (TEN_US, 19, "/a", "7") == stamp(event)


def test_null_and_absent_keys_are_not_said_and_json_stays_text() -> None:
    """Handed-through JSON is kept as bytes; a null one is absent too."""
    data = msgspec.json.decode(
        b'{"extractedData":{"a":null},"voiceAnalytics":null}', type=CallAnalyzedData
    )
    assert {"extractedData": b'{"a":null}'} == said_keys(data)
    initiated = CallInitiatedData(from_="+1", to="+2", provider=None)
    assert {"from": "+1", "to": "+2"} == said_keys(initiated)


def test_merging_is_the_same_in_steps_and_at_once() -> None:
    """Facts that lost all their keys are dropped, so equal sets merge to equal lists."""
    old = (1, 0, "/a", "1", {"x": 1, "y": 1})
    tie = (2, 0, "/a", "1", {"x": 2})
    new = (2, 0, "/b", "0", {"x": 3, "z": 3})
    expected = [new, (1, 0, "/a", "1", {"y": 1})]
    assert expected == merge_keys([old, tie, new])
    assert expected == merge_keys([new, *merge_keys([tie, old])])
    assert {"x": 3, "y": 1, "z": 3} == merged_keys(expected)
