"""Explains one figure: sums up what is said to make it, and finds the events that decide."""

from decimal import Decimal

from msgspec import Struct

from services.tooling.explain.deciding import deciding, event_type
from services.tooling.explain.figures import Figure, Number, Part
from shared.contracts.event_types import Kind
from shared.contracts.instants import us_datetime
from shared.storage.explaining import Contacts, Explainer


class DecidingEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """One event that decides, and the entry of the log that holds it."""

    type: str
    id: str
    source: str
    #: In UTC, to the microsecond.
    time: str
    #: Partition and entry id.
    entry: str


class AddingSubject(Struct, frozen=True, kw_only=True, rename="camel"):
    """One attempt or contact, what it adds, and why."""

    id: str
    number: Number
    events: list[DecidingEvent]
    #: How many events the subject has in all.
    events_in_all: int


class ExplainedPart(Struct, frozen=True, kw_only=True, rename="camel"):
    """One sum."""

    name: str
    sum: Number
    #: What adds to it: attempts or contacts.
    kind: Kind
    #: How many do; `first` are as many of them as were asked for.
    subjects: int
    first: list[AddingSubject]


class Explanation(Struct, frozen=True, kw_only=True, rename="camel"):
    """What `--json` prints of a figure."""

    organization_id: str
    execution_id: str
    figure: str
    #: As the report serves it; null where nothing adds to it.
    value: Number | None
    #: What the parts make.
    explained: Number
    equal: bool
    parts: list[ExplainedPart]


def explain_figure(
    explainer: Explainer, organization_id: str, execution_id: str, figure: Figure, limit: int
) -> Explanation:
    """All parts of a figure, and whether they make what the report serves."""
    parts = [_part(explainer, execution_id, part, limit) for part in figure.parts]
    explained = figure.combine([part.sum for part in parts])
    return Explanation(
        organization_id=organization_id,
        execution_id=execution_id,
        figure=figure.name,
        value=figure.value,
        explained=explained,
        equal=Decimal(explained) == Decimal(figure.value or 0),
        parts=parts,
    )


def _part(explainer: Explainer, execution_id: str, part: Part, limit: int) -> ExplainedPart:
    added = explainer.contributed(part.selection, limit)
    kind = Kind.CONTACT if isinstance(part.selection, Contacts) else Kind.ATTEMPT
    evidence = explainer.evidence(kind, [subject for subject, _ in added.first])
    first = []
    for subject, number in added.first:
        of_subject = evidence[subject]
        events = [
            DecidingEvent(
                type=event_type(logged),
                id=logged.event.id,
                source=logged.event.source,
                time=us_datetime(logged.event.time_us).isoformat().replace("+00:00", "Z"),
                entry=f"{logged.lane}/{logged.position[0]}-{logged.position[1]}",
            )
            for logged in deciding(part.selection, execution_id, of_subject)
        ]
        first.append(
            AddingSubject(
                id=subject,
                number=part.amount(number),
                events=events,
                events_in_all=len(of_subject.events),
            )
        )
    return ExplainedPart(
        name=part.name,
        sum=part.amount(added.total),
        kind=kind,
        subjects=added.subjects,
        first=first,
    )
