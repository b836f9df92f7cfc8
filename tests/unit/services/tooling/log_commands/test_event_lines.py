"""An entry of the log as a line of an export."""

import json
from io import BytesIO

import pytest

from services.tooling.log_commands.event_lines import event_bytes, event_line, one_line
from services.tooling.log_commands.log_file import LogFileError, file_lines
from shared.contracts.entries import kept_form
from shared.storage.log_reading import LogEntry
from tests.contract.wire import binary, changed, json_bytes, recorded_events, structured


def _entry(fields: list[bytes]) -> LogEntry:
    return LogEntry(3, 5, 7, 1_772_452_800_123, *kept_form(fields))


def test_event_of_each_type_comes_back_as_it_was() -> None:
    """Byte for byte in one line of JSON, so that importing it is a plain duplicate."""
    for name, raw in recorded_events():
        compact = one_line(raw)
        assert compact is not None
        entry = _entry(structured(compact))
        line = event_line(entry, event_bytes(entry))
        assert compact in line, name
        assert b"\n" not in line
        assert json.loads(raw) == json.loads(line)["event"]


def test_fields_of_binary_mode_become_an_event() -> None:
    """Structured, as any reader takes it; its mode is said beside it."""
    event = changed(sequence=4, data={"outcome": "busy"})
    entry = _entry(binary(event))

    line = json.loads(event_line(entry, event_bytes(entry)))

    assert event == line["event"]
    assert (3, 5, 7, "2026-03-02T12:00:00.123Z", "binary") == tuple(
        line[key] for key in ("partition", "ms", "seq", "receivedAt", "mode")
    )


def test_fields_that_make_no_event_are_kept_as_bytes() -> None:
    """A field that is not UTF-8, as the log holds it."""
    entry = _entry([b"id", b"\xff"])
    line = json.loads(event_line(entry, event_bytes(entry)))
    assert "event" not in line
    assert event_bytes(entry) == entry.kept


@pytest.mark.parametrize("text", (b"", b"{", b"\xff", b'{"a":NaN}', b"{}{}", b"[" * 100_000))
def test_what_is_no_json_is_none(text: bytes) -> None:
    """Nothing that would break a line of an export passes."""
    assert one_line(text) is None


def test_line_breaks_go_and_nothing_else() -> None:
    """Numbers keep their spelling, keys their order, escapes stay."""
    assert b'{"b":1.50,"a":"\\u00fc \\n","b":2}' == one_line(
        b'{ "b": 1.50,\r\n "a": "\\u00fc \\n",\n"b":2 }'
    )
    assert b'{ "b" : 1 }' == one_line(b'{ "b" : 1 }')


def test_lines_are_read_back() -> None:
    """Events and bytes; a broken line is named by its number."""
    entries = [_entry(structured(changed())), _entry([b"id", b"\xff"])]
    lines = [event_line(entry, event_bytes(entry)) for entry in entries]

    read = list(file_lines(BytesIO(b"\n".join(lines))))

    assert [json_bytes(changed()), entries[1].kept] == [line.event for line in read]
    assert len(b"\n".join(lines)) == read[-1].read
    with pytest.raises(LogFileError, match="line 2 is not of an export"):
        list(file_lines(BytesIO(lines[0] + b"\nnonsense")))
