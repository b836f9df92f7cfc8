"""Which parked events a command means: by id, or by what is said about them."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated

import psycopg
import typer

from shared.clock import utc_now
from shared.contracts.instants import datetime_us, us_datetime
from shared.contracts.park_reasons import ParkReason
from shared.storage.parked_events import ParkedEvent, find_parked

_AGO = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MS_MAX = datetime_us(datetime.max.replace(tzinfo=UTC)) // 1000
_CHUNK = 50

Reason = Annotated[
    ParkReason | None,
    typer.Option("--reason", help="Only those parked for this reason.", show_default=False),
]
Organization = Annotated[
    str | None, typer.Option("--organization", metavar="ID", help="Only those of this tenant.")
]
Source = Annotated[
    str | None, typer.Option("--source", metavar="SOURCE", help="Only those of this publisher.")
]


def since_ms(text: str | None) -> int:
    """An instant, or how long ago, in milliseconds; without a text the beginning of time.

    Raises:
        typer.BadParameter: it is neither.
    """
    if text is None:
        return -(2**63)
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            moment = utc_now() - timedelta(**{_UNITS[ago["unit"]]: int(ago["number"])})
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return datetime_us(moment) // 1000
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time: say 2026-03-02, 2026-03-02T09:00:00Z, or 90m, 6h, 2d ago",
            param_hint="--since",
        ) from None


def moment_text(ms: int) -> str:
    """An entry's time as people read it; publishers may choose ids beyond all years."""
    return f"{us_datetime(ms * 1000):%Y-%m-%dT%H:%M:%SZ}" if 0 <= ms <= _MS_MAX else f"{ms} ms"


def by_ids(connection: psycopg.Connection, ids: Iterable[str]) -> list[ParkedEvent]:
    """The events of these ids, each once, in the order given.

    Raises:
        typer.BadParameter: an id names none, or several.
    """
    chosen: dict[tuple[int, bytes], ParkedEvent] = {}
    for id_ in ids:
        try:
            found = find_parked(connection, id_)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="ID") from None
        if len(found) != 1:
            what = "is the beginning of several ids" if found else "names no parked event"
            raise typer.BadParameter(f"{id_} {what}", param_hint="ID")
        chosen[found[0].lane, found[0].digest] = found[0]
    return list(chosen.values())


def in_chunks(events: Iterable[ParkedEvent]) -> Iterator[list[ParkedEvent]]:
    """Some events at a time: so many bodies are held at once."""
    waiting = iter(events)
    while chunk := list(islice(waiting, _CHUNK)):
        yield chunk
