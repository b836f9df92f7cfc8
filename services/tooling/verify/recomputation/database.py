"""A DuckDB database of one verification, on disk and bounded in memory."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import duckdb

from services.tooling.verify.recomputation.published_event import decode, encode

#: Lines are handed over in files of about this size.
_FILE_BYTES = 32 * 1024 * 1024
#: Each creates what the next ones read.
_FIGURES: Final = (
    "attempts", "contacts", "executions", "wanted", "flows", "steps",
    "main_report", "breakdown", "node_stats", "billing", "call_history", "differences",
)  # fmt: skip


class FigureDifference(NamedTuple):
    """A figure that the events do not make; None where one side does not have it."""

    organization_id: str
    execution_id: str
    figure: str
    expected: str | None
    served: str | None


class Counts(NamedTuple):
    """How much was compared."""

    executions: int
    #: A row of the call history counts as one.
    figures: int
    #: Figures that differ, but for organizations of which the log lacks events.
    differing: int


class Recomputation:
    """Takes events, and what is served; says where they differ."""

    def __init__(self, folder: Path, memory_mib: int) -> None:
        """`folder` is empty; what does not fit into memory is kept there."""
        self._folder = folder
        self._database = duckdb.connect(
            str(folder / "verify.duckdb"),
            config={
                "memory_limit": f"{memory_mib}MiB",
                "temp_directory": str(folder / "spilled"),
                "preserve_insertion_order": "false",
                # What is needed is in the wheel; nothing is fetched from elsewhere.
                "autoinstall_known_extensions": "false",
            },
        )
        self._waiting: dict[str, tuple[list[bytes], int]] = {}
        self.events = 0
        self.run("macros")
        self.run("entries")

    def take_event(self, partition: int, ms: int, seq: int, published: bytes) -> None:
        """One structured CloudEvent that the contract accepts, in the order of the log."""
        event = decode(published)
        event.arrival, event.partition, event.ms, event.seq = self.events, partition, ms, seq
        self.events += 1
        self.take("feed_entries", encode(event))

    def take(self, feed: str, line: bytes) -> None:
        """One line of JSON for the statement `feed`, which reads files of them."""
        lines, size = self._waiting.get(feed, ([], 0))
        lines.append(line)
        size += len(line)
        self._waiting[feed] = lines, size
        if size > _FILE_BYTES:
            self.flush(feed)

    def flush(self, feed: str) -> None:
        """Hand over what waits for a statement."""
        lines, _ = self._waiting.pop(feed, ([], 0))
        if not lines:
            return
        path = self._folder / "lines.json"
        path.write_bytes(b"\n".join(lines) + b"\n")
        self.run(feed, {"path": str(path)})
        path.unlink()

    def choose(self, executions: Iterable[tuple[str, str]]) -> None:
        """Which executions, by organization and id, the figures are wanted of."""
        for organization_id, execution_id in executions:
            line = {"organization_id": organization_id, "execution_id": execution_id}
            self.take("feed_chosen", encode(line))

    def count_events(self) -> None:
        """All events are there: find out which of them count."""
        for feed in list(self._waiting):
            self.flush(feed)
        self.run("events")

    def compute(
        self, now_us: int, *, everything: bool = False, organization_id: str | None = None
    ) -> None:
        """All figures of the chosen executions, and how they differ from the served ones.

        Args:
            now_us: a whole second, at which running executions are looked at.
            everything: executions that events alone know are compared as well, of one
                organization where one is given.
        """
        scope = {"everything": everything, "organization_id": organization_id}
        for name in _FIGURES:
            self.run(name, {"now_us": now_us, **scope})

    def counts(self) -> Counts:
        """How much was compared."""
        return Counts(*self.rows("counts")[0])

    def differences(self, limit: int) -> list[FigureDifference]:
        """The first so many differences, by execution and figure."""
        found = self.rows("first_differences", {"limit": limit})
        return [FigureDifference(*row) for row in found]

    def run(self, name: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a file of statements; each is given those parameters that it names."""
        for statement in duckdb.extract_statements(_text(name)):
            wanted = {key: (parameters or {})[key] for key in statement.named_parameters}
            self._database.execute(statement, wanted or None)

    def rows(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The answer of a file of one statement."""
        found: list[tuple[Any, ...]] = self._database.execute(
            _text(name), dict(parameters or {})
        ).fetchall()
        return found

    def close(self) -> None:
        """Let the database go."""
        self._database.close()


@contextmanager
def recomputation(memory_mib: int) -> Iterator[Recomputation]:
    """A recomputation in a temporary folder (`TMPDIR` says where) of its own."""
    with TemporaryDirectory(prefix="callfold-verify-") as folder:
        opened = Recomputation(Path(folder), memory_mib)
        try:
            yield opened
        finally:
            opened.close()


@cache
def _text(name: str) -> str:
    folder = files("services.tooling.verify.recomputation") / "sql"
    return (folder / f"{name}.sql").read_text(encoding="utf-8")
