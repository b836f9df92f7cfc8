"""What a figure of a report is made of, in the snapshot in which the report itself is read.

Called by `callfold explain`. Reports come from the tallies, by the very statements that the read
API sends; what explains them comes from the contributions of the subjects, and from the log.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, NamedTuple

import psycopg

from shared.contracts.codec import decode_fields
from shared.contracts.envelope import Event
from shared.contracts.event_types import Kind
from shared.contracts.stream_names import partition_of
from shared.errors import GenerationError
from shared.folds.journal import Position, unpack_positions
from shared.folds.states import FOLD_VERSION, FOLDS
from shared.storage.connection import connect
from shared.storage.generations import schema_name
from shared.storage.log import Log
from shared.storage.read_pool import statement_text
from shared.storage.report_reading import ReportReader, ReportRows
from shared.storage.segments import unpack
from shared.storage.subjects import SubjectReader

_SEQ_MAX = 2**64 - 1


class Attempts(NamedTuple):
    """Attempts, or what they add to `attempt_tallies`: the column `measure`."""

    measure: str
    #: call, run, sms.
    kinds: tuple[str, ...]
    #: History statuses; None is any. The same of the attempt number and the attempt's id.
    statuses: tuple[str, ...] | None = None
    number: int | None = None
    attempt_id: str | None = None


class Contacts(NamedTuple):
    """Contacts of these statuses; None is any."""

    statuses: tuple[str, ...] | None = None


class Nodes(NamedTuple):
    """What attempts add to `node_tallies` of these nodes."""

    measure: str
    node_ids: tuple[str, ...]


class Digits(NamedTuple):
    """Steps of a node that received these inputs (None is any), but none of those in `but`."""

    node_id: str
    inputs: tuple[str, ...] | None = None
    but: tuple[str, ...] = ()


class Costs(NamedTuple):
    """What attempts add to `cost_tallies` of these node types, nodes and components."""

    measure: str
    groups: tuple[tuple[str, str, str], ...]


Selection = Attempts | Contacts | Nodes | Digits | Costs

#: Where in a contribution's row a measure stands (projections/contributions.py).
_ATTEMPT_PLACES: Final = {
    "attempts": None,
    "flow_completed": 3,
    "durations": 4,
    "duration_ms": 5,
    "billable": 6,
    "cost": 7,
}
_NODE_PLACES: Final = {"unique_calls": 2, "steps": 3, "durations": 4, "duration_ms": 5}
_COST_PLACES: Final = {"charges": 3, "cost": 4, "durations": 5, "duration_ms": 6}


class Contributed(NamedTuple):
    """What subjects add to a figure; amounts of money in billionths."""

    #: The first of them, with what each adds.
    first: list[tuple[str, int]]
    #: How many there are, and what they add up to.
    subjects: int
    total: int


class LoggedEvent(NamedTuple):
    """An event of a subject and where in the log it is."""

    event: Event
    lane: int
    position: Position


class Evidence(NamedTuple):
    """A subject's state and all events that it was folded from, in the order of the log."""

    state: Any
    events: list[LoggedEvent]


class Explainer:
    """Reads one organization's execution in one snapshot of the live generation."""

    def __init__(
        self, connection: psycopg.Connection, organization_id: str, execution_id: str
    ) -> None:
        """`connection` is within a transaction that sees one snapshot; `explainer` opens one.

        Raises:
            GenerationError: there is no live generation of this release's fold version.
        """
        row = connection.execute(statement_text("live_generation")).fetchone()
        if row is None or row[1] != FOLD_VERSION:
            raise GenerationError("the live generation is of another release; explain with that")
        self._connection = connection
        self._generation = int(row[0])
        self._organization_id = organization_id
        schema = schema_name(self._generation)
        self._reader = ReportReader(connection, schema, organization_id, execution_id)
        self._evidence: dict[tuple[Kind, str], Evidence] = {}

    def reports(self) -> ReportRows | None:
        """The rows of all reports; None where the organization has no such execution."""
        return self._reader.reports()

    def contributed(self, selection: Selection, limit: int) -> Contributed:
        """What the subjects of a selection add, the first so many of them by name."""
        name, parameters = _question(selection)
        rows = self._reader.fetch(f"explain/{name}", {**parameters, "limit": limit})
        first = [(subject, int(amount)) for subject, amount, _, _ in rows]
        if not rows:
            return Contributed([], 0, 0)
        return Contributed(first, rows[0][2], int(Decimal(rows[0][3])))

    def execution_ids(self, limit: int) -> list[str]:
        """Executions of the organization, to find the one that was meant."""
        return [row[0] for row in self._reader.fetch("explain/executions", {"limit": limit})]

    def evidence(self, kind: Kind, subjects: Iterable[str]) -> dict[str, Evidence]:
        """State and events of subjects, read through their journals; each is read once."""
        asked = list(subjects)
        unread = [subject for subject in asked if (kind, subject) not in self._evidence]
        for subject, found in self._read_evidence(kind, unread):
            self._evidence[kind, subject] = found
        return {subject: self._evidence[kind, subject] for subject in asked}

    def _read_evidence(self, kind: Kind, subjects: list[str]) -> Iterator[tuple[str, Evidence]]:
        row = self._connection.execute("SELECT partitions FROM callfold.installation").fetchone()
        partitions = 1 if row is None else int(row[0])
        keys = [(kind.value, self._organization_id, subject) for subject in subjects]
        kept = SubjectReader(self._connection, self._generation).load(keys)
        places: dict[int, set[Position]] = {}
        for (_, _, subject), one in kept.items():
            of_lane = places.setdefault(partition_of(subject, partitions), set())
            of_lane.update(unpack_positions(one.positions))
        log = Log(self._connection, partitions)
        logged = {lane: _logged(log, lane, positions) for lane, positions in places.items()}
        for (_, _, subject), one in kept.items():
            of_lane_logged = logged[partition_of(subject, partitions)]
            found = map(of_lane_logged.get, unpack_positions(one.positions))
            yield (
                subject,
                Evidence(FOLDS[kind].decode(one.state), [event for event in found if event]),
            )


@contextmanager
def explainer(database_url: str, organization_id: str, execution_id: str) -> Iterator[Explainer]:
    """An explainer on a connection and in a snapshot of its own."""
    with connect(database_url, "explain") as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield Explainer(connection, organization_id, execution_id)


def _question(selection: Selection) -> tuple[str, dict[str, Any]]:
    """The `.sql` file that answers a selection, and its parameters."""
    match selection:
        case Attempts(measure, kinds, statuses, number, attempt_id):
            return "attempts", {
                "place": _ATTEMPT_PLACES[measure],
                "kinds": list(kinds),
                "statuses": None if statuses is None else list(statuses),
                "number": number,
                "attempt_id": attempt_id,
            }
        case Contacts(statuses):
            return "contacts", {"statuses": None if statuses is None else list(statuses)}
        case Nodes(measure, node_ids):
            return "nodes", {"place": _NODE_PLACES[measure], "node_ids": list(node_ids)}
        case Digits(node_id, inputs, but):
            return "digits", {
                "node_id": node_id,
                "inputs": None if inputs is None else list(inputs),
                "but": list(but),
            }
        case Costs(measure, groups):
            names = ("node_types", "node_ids", "components")
            columns = [[group[index] for group in groups] for index in range(len(names))]
            named = dict(zip(names, columns, strict=True))
            return "costs", {"place": _COST_PLACES[measure], **named}


def _logged(log: Log, lane: int, positions: set[Position]) -> dict[Position, LoggedEvent]:
    """The events at these positions; each segment is opened once."""
    found: dict[Position, LoggedEvent] = {}
    waiting = sorted(positions, reverse=True)
    while waiting:
        ms, seq = waiting[-1]
        before = (ms, seq - 1) if seq else (ms - 1, _SEQ_MAX)
        segment = next(log.segments(lane, before, chunk=1), None)
        if segment is None:
            break
        for entry, _, _, _ in unpack(segment):
            position = (entry.ms, entry.seq)
            if position in positions:
                found[position] = LoggedEvent(decode_fields(entry.fields), lane, position)
        last = max((segment.last_ms, segment.last_seq), waiting[-1])
        while waiting and waiting[-1] <= last:
            waiting.pop()
    return found
