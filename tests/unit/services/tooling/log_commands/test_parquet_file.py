"""An export as Parquet: typed columns, and events that come back byte for byte."""

from pathlib import Path

import duckdb
import pytest

from services.tooling.log_commands import parquet_file
from services.tooling.log_commands.event_lines import event_bytes
from services.tooling.log_commands.log_file import LogFileError
from services.tooling.log_commands.parquet_file import opened_parquet, parquet_events
from shared.contracts.entries import kept_form
from shared.storage.log_reading import LogEntry
from tests.contract.wire import binary, changed, json_bytes, recorded_events, structured

_RECEIVED_MS = 1_772_452_800_123


def _entry(number: int, fields: list[bytes]) -> LogEntry:
    return LogEntry(3, number, 2**64 - 1, _RECEIVED_MS, *kept_form(fields))


def _write(path: Path, entries: list[LogEntry]) -> None:
    with opened_parquet(str(path)) as writer:
        for entry in entries:
            writer.write(entry, event_bytes(entry))


def test_events_come_back_in_order_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over many parts; JSON that is no event, and what is no JSON, as well."""
    monkeypatch.setattr(parquet_file, "_CHUNK_BYTES", 4_000)
    events = [b" ".join(raw.splitlines()) for _, raw in recorded_events()] * 3
    events += [b"[1.50]", b'"\\ud800"', b'{"id":7,"type":"a\\u0000b","time":[]}', b"\xff\x00 no"]
    path = tmp_path / "all.parquet"

    _write(path, [_entry(number, structured(event)) for number, event in enumerate(events)])

    count, found = parquet_events(str(path))
    assert (len(events), events) == (count, list(found))
    assert [path] == list(tmp_path.iterdir())


def test_keys_are_columns_with_types(tmp_path: Path) -> None:
    """So that a question about them needs no JSON; what an event does not say is null."""
    event = changed(time="2026-03-02T09:00:45.5+01:00")
    path = tmp_path / "typed.parquet"
    entries = [
        _entry(1, binary(event)),
        _entry(2, structured(b'{"time":"soon"}')),
        _entry(3, structured(b"\xff")),
    ]

    _write(path, entries)

    with duckdb.connect() as database:
        names = (
            "partition, ms, seq, epoch_us(received_at), mode, organization, execution, source,"
            " type, subject, id, epoch_us(time), bytes IS NULL"
        )
        first, second, third = database.read_parquet(str(path)).project(names).fetchall()
        types = dict(zip(*(getattr(database.read_parquet(str(path)), name)
                           for name in ("columns", "types")), strict=True))  # fmt: skip
    said = (event[key] for key in ("organizationid", "executionid", "source", "type", "subject"))
    at = (3, 1, 2**64 - 1, _RECEIVED_MS * 1000, "binary")
    assert (*at, *said, event["id"], 1_772_438_445_500_000, True) == first
    assert (2, *[None] * 7, True) == (second[1], *second[5:])
    assert (3, *[None] * 7, False) == (third[1], *third[5:])
    assert {"TIMESTAMP WITH TIME ZONE"} == {str(types[name]) for name in ("received_at", "time")}
    assert ("UBIGINT", "BLOB") == (str(types["seq"]), str(types["bytes"]))


def test_nothing_found_is_an_empty_file(tmp_path: Path) -> None:
    """It has the columns all the same."""
    path = tmp_path / "none.parquet"
    _write(path, [])
    count, found = parquet_events(str(path))
    assert (0, []) == (count, list(found))


def test_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    """With its name and one reason; so is one that was cut off."""
    other, cut = tmp_path / "other.parquet", tmp_path / "cut.parquet"
    with duckdb.connect() as database:
        database.values([1]).write_parquet(str(other))
    _write(cut, [_entry(1, structured(json_bytes(changed())))])
    cut.write_bytes(cut.read_bytes()[:-9])

    for path, reason in (
        (other, "no columns `event`"),
        (cut, "No magic bytes"),
        (tmp_path / "none*", "No such file"),
    ):
        with pytest.raises(LogFileError, match=f"{path.stem.rstrip('*')}.*{reason}"):
            parquet_events(str(path))


def test_interrupted_export_leaves_nothing(tmp_path: Path) -> None:
    """An older file stays as it was."""
    path = tmp_path / "all.parquet"
    path.write_bytes(b"an older export")

    def interrupted() -> None:
        with opened_parquet(str(path)) as writer:
            writer.write(_entry(1, structured(json_bytes(changed()))), b"{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert [path] == list(tmp_path.iterdir())
    assert b"an older export" == path.read_bytes()
