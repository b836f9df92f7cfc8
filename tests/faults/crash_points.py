"""Named places in a projector's code where it can be made to die or to stand still.

Production code has no hooks: an armed projector (`armed_projector.py`) wraps the named functions.
Each place is before or after one passage of one function.
"""

import os
import signal
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from shared.storage.commits import AT_ONCE_EVENTS_MAX
from tests.installation import free_port


class CrashPoint(NamedTuple):
    """A place in the code."""

    module: str
    #: Of the module, or with a dot of a class in it.
    function: str
    after: bool
    #: The latest passage that comes soon under traffic.
    passages: int = 1


_ENGINE = "services.projector.engine"
_COMMITS = "shared.storage.commits"
_BATCH_WRITER = "services.projector.batch_writer"
_LANES = "shared.storage.lanes"
_STREAM_KEEPER = "services.projector.stream_keeper"
_FOLDING = "shared.projections.folding"

CRASH_POINTS = {
    "before a read": CrashPoint("shared.delivery.in_range_reader", "InRangeReader.read", False, 20),
    "after a read": CrashPoint("shared.delivery.in_range_reader", "InRangeReader.read", True, 20),
    "after states are loaded": CrashPoint("shared.storage.subjects", "SubjectReader.load", True, 6),
    "after a fold": CrashPoint(_FOLDING, "Folding.take_lanes", True, 8),
    "after a harvest": CrashPoint(_FOLDING, "Folding.harvest", True, 6),
    "before a forward": CrashPoint(_BATCH_WRITER, "forward", False, 4),
    "after a forward, before BEGIN": CrashPoint(_BATCH_WRITER, "forward", True, 4),
    "before BEGIN": CrashPoint(_COMMITS, "Committer.commit", False, 6),
    "after the fence": CrashPoint(_COMMITS, "Committer._fence", True, 6),
    "after the cursors moved": CrashPoint(_COMMITS, "Committer._move_cursors", True, 6),
    "within the log's COPY": CrashPoint("shared.storage.log", "as_row", True, 12),
    "after the log": CrashPoint("shared.storage.log", "Log.append", True, 6),
    "after the states": CrashPoint(_COMMITS, "GenerationWriter._write_states", True, 6),
    "after the tallies": CrashPoint(_COMMITS, "GenerationWriter._write_tallies", True, 6),
    "before COMMIT": CrashPoint("shared.storage.sequences", "record", True, 6),
    "after COMMIT, before the engine hears": CrashPoint(_COMMITS, "Committer.commit", True, 6),
    "after the engine heard": CrashPoint(
        "services.projector.bisection", "Bisection.succeeded", True, 6
    ),
    "before lanes are taken": CrashPoint(_LANES, "Lanes.take", False),
    "after lanes are taken": CrashPoint(_LANES, "Lanes.take", True),
    "after leases are renewed": CrashPoint(_LANES, "Lanes.renew", True, 8),
    "before a hand-over": CrashPoint(_ENGINE, "Engine._hand_over", False),
    "after a hand-over, leases not released": CrashPoint(_LANES, "Lanes.release", False),
    "after leases are released": CrashPoint(_LANES, "Lanes.release", True),
    "before a trim": CrashPoint(_STREAM_KEEPER, "trim", False, 8),
    "after a trim": CrashPoint(_STREAM_KEEPER, "trim", True, 8),
    "before a merge of segments": CrashPoint(
        "shared.storage.merging", "SegmentMerger.merge", False, 4
    ),
    "within a take-up": CrashPoint(_LANES, "Lanes.cursors", True),
    "while following the log": CrashPoint(_ENGINE, "Engine._commit_now", False),
    "after a batch of the log": CrashPoint(_ENGINE, "Engine._commit_now", True),
}


def settings_of(
    point: str, passage: int, file: Path, number: signal.Signals, at_once: int = AT_ONCE_EVENTS_MAX
) -> dict[str, str]:
    """What an armed projector's environment says.

    Args:
        number: the signal that it sends itself.
        at_once: events up to which a batch goes in one pipeline; by COPY beyond.
    """
    words = {
        "point": point,
        "passage": str(passage),
        "file": str(file),
        "signal": number.name,
        "at_once": str(at_once),
    }
    return {
        "probe_port": str(free_port()),
        "lease_ms": "1500",
        **{f"crash_{name}": word for name, word in words.items()},
    }


def owner_of(point: CrashPoint) -> tuple[Any, str]:
    """The object whose attribute is wrapped, and the attribute; raises where it is not there."""
    owner: Any = import_module(point.module)
    *inner, name = point.function.split(".")
    for part in inner:
        owner = getattr(owner, part)
    getattr(owner, name)
    return owner, name


def arm(point: CrashPoint, passage: int, at_the_point: Callable[[], None]) -> None:
    """Call `at_the_point` at the given passage, counted from 1, of all threads together."""
    owner, name = owner_of(point)
    function = getattr(owner, name)
    passages, lock = iter(range(passage - 1, -1, -1)), Lock()

    def passed() -> None:
        with lock:
            left = next(passages, None)
        if left == 0:
            at_the_point()

    @wraps(function)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        if not point.after:
            passed()
        answer = function(*arguments, **named)
        if point.after:
            passed()
        return answer

    setattr(owner, name, wrapped)


def note(file: Path, point: str) -> None:
    """Write the point's name where the test reads it, and be sure that it is there."""
    with file.open("w", encoding="utf-8") as out:
        out.write(point)
        out.flush()
        os.fsync(out.fileno())
