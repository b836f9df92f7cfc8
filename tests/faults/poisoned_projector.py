"""`python -m tests.faults.poisoned_projector`: a projector whose attempt fold some events kill.

The product has no such fold, so this module lends it one: an event whose id begins with a name of
`DEADLY` and a slash is folded by that. Its patience with a fold is short, so that tests are.
"""

import ctypes
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from services.projector import engine
from services.projector.__main__ import main
from shared.contracts.envelope import Event
from shared.projections import folding
from shared.projections.write_set import WriteSet
from shared.storage.commits import GenerationWriter

_PATIENCE_S: Final = 6.0
#: Environment variable that names the part in which every event fails.
BAD_PART: Final = "CALLFOLD_BAD_PART"


def _segfault() -> None:
    ctypes.string_at(0)


def _loop() -> None:
    while True:
        pass


def _loop_in_c() -> None:
    """The interpreter's lock is never given back, so no thread of the projector moves."""
    re.match(r"(?:a+)+$", "a" * 64 + "b")


def _killed() -> None:
    """As by the kernel, when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def _recursion() -> None:
    _recursion()


def _memory() -> None:
    """More than any machine has, so that it is refused."""
    bytearray(2**62)


def _exit() -> None:
    sys.exit("leaves its thread")


def _error() -> None:
    raise ZeroDivisionError("a bad release")


#: What ends the process.
DEADLY: Final[Mapping[str, Callable[[], None]]] = {
    "segfault": _segfault,
    "loop": _loop,
    "loop in C": _loop_in_c,
    "killed": _killed,
}
#: What only fails.
FAILING: Final[Mapping[str, Callable[[], None]]] = {
    "recursion": _recursion,
    "memory": _memory,
    "error": _error,
    "exit": _exit,
}
_POISONS: Final = {**DEADLY, **FAILING}


def poison(evolve: Callable[[Any, Event], Any]) -> Callable[[Any, Event], Any]:
    """The fold, and what some events do to it."""

    def fold(state: Any, event: Event) -> Any:
        name, slash, _ = event.id.partition("/")
        if slash and name in _POISONS:
            _POISONS[name]()
        return evolve(state, event)

    return fold


def _fails(*_: object, **__: object) -> Any:
    raise ZeroDivisionError("a bad release")


def _fails_on_rows(write: Callable[..., Any]) -> Callable[..., Any]:
    def write_states(self: GenerationWriter, writes: WriteSet, **more: Any) -> Any:
        return _fails() if any(writes.rows.values()) else write(self, writes, **more)

    return write_states


def release_badly(part: str) -> None:
    """Be the release whose every event fails in this part of the way."""
    if part == "decode":
        for name in ("decode_bounded", "decode_fields"):
            setattr(folding, name, _fails)
    elif part == "fold":
        folding._EVOLVE.update(dict.fromkeys(folding._EVOLVE, _fails))
    else:
        write_states = _fails_on_rows(GenerationWriter._write_states)
        GenerationWriter._write_states = write_states  # type: ignore[method-assign]


if __name__ == "__main__":
    if BAD_PART in os.environ:
        release_badly(os.environ[BAD_PART])
    folding._EVOLVE["attempt"] = poison(folding._EVOLVE["attempt"])
    for name in ("FOLD_PATIENCE_S", "CAREFUL_PATIENCE_S"):
        setattr(engine, name, _PATIENCE_S)
    sys.exit(main())
