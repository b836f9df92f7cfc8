"""`callfold replay`: the events of one call, contact or execution, and what each one changed."""

import sys
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from services.tooling.replay_steps import Replay, Step
from services.tooling.replay_text import step_lines
from services.tooling.safe_text import one_line as safe_line
from shared.contracts.event_types import Kind
from shared.errors import CallfoldError
from shared.settings import Settings
from shared.storage.connection import connect
from shared.storage.generations import installed
from shared.storage.subject_history import SubjectHistory, known_kinds, parked_about

_EXIT_DIFFERENT = 3


class UnknownSubjectError(CallfoldError):
    """No state is known of the subject."""


class ReplayedKind(StrEnum):
    """What a subject may be called; a run without a call and a lone SMS are attempts as well."""

    CALL = "call"
    ATTEMPT = "attempt"
    CONTACT = "contact"
    EXECUTION = "execution"
    FLOW = "flow"
    ATTRIBUTE = "attribute"

    @property
    def kind(self) -> Kind:
        """What it is to the folds."""
        return Kind.ATTEMPT if self is ReplayedKind.CALL else Kind(self.value)


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `--json` prints."""

    kind: str
    organization_id: str
    subject: str
    partition: int
    segments_read: int
    events: list[Step]
    #: How the replay differs from what the database holds; empty where it does not.
    differences: list[str]


def replay(
    kind: Annotated[ReplayedKind, typer.Argument(help="What the subject is.")],
    subject: Annotated[str, typer.Argument(help="Its id, as events say it in `subject`.")],
    organization: Annotated[str, typer.Option(help="The tenant that it belongs to.")],
    shows_state: Annotated[
        bool, typer.Option("--state/--no-state", help="Show the state and what it adds as well.")
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, with whole states.")
    ] = False,
) -> None:
    """Print the events of one subject in the order of the log, and what each one changed.

    After each event come the parts of the state that it changed, and what the subject adds to the
    reports from then on. Duplicates and conflicts are marked; they change nothing. Only the
    segments of the log are read that hold events of the subject, so a large log is no slower;
    duplicates that lie in other segments are found by `callfold log grep . --subject ID`.

    At the end the state is compared with the one in the database: exit code 3 where they differ.

    For example: `callfold replay call call-4711 --organization acme`

    Needs CALLFOLD_DATABASE_URL.
    """
    database_url = Settings.from_environment().require_database_url()
    generation, partitions = installed(database_url)
    key = (kind.kind.value, organization, subject)
    with connect(database_url, "replay") as connection:
        history = SubjectHistory(connection, generation, partitions, key)
        if history.kept is None:
            known = known_kinds(connection, generation, key)
            parked = parked_about(connection, subject)
            raise UnknownSubjectError(_what_to_check(kind, organization, subject, known, parked))
        replayed = Replay(kind.kind, history, history.kept, shows_state=shows_state)
        if as_json:
            _print_json(replayed, history, kind, organization, subject)
        else:
            _print_text(replayed, history, kind, organization, subject)
    if replayed.differences:
        raise typer.Exit(_EXIT_DIFFERENT)


def _print_json(
    replayed: Replay, history: SubjectHistory, kind: ReplayedKind, organization: str, subject: str
) -> None:
    steps = list(replayed.steps())
    answer = _Answer(
        kind=kind.value,
        organization_id=organization,
        subject=subject,
        partition=history.partition,
        segments_read=history.segments_read,
        events=steps,
        differences=replayed.differences,
    )
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")


def _print_text(
    replayed: Replay, history: SubjectHistory, kind: ReplayedKind, organization: str, subject: str
) -> None:
    print_ = typer.echo
    name = safe_line(f"{kind.value} {subject} of {organization}")
    print_(f"{name}, partition {history.partition}")
    before: Step | None = None
    events = 0
    for step in replayed.steps():
        events += 1
        for line in step_lines(events, step, before):
            print_(line)
        before = step if step.state is not None else before
    print_(f"entries: {events}; segments of the log that were read: {history.segments_read}")
    for difference in replayed.differences:
        print_(f"DIFFERENT: {difference}")
    if not replayed.differences:
        print_("equal to what the database holds")


def _what_to_check(
    kind: ReplayedKind, organization: str, subject: str, known: list[Kind], parked: int
) -> str:
    checks = []
    if known:
        checks.append(f"it is known as {' and as '.join(known)}: give that kind")
    if parked:
        checks.append(f"{parked} parked events name it: see `callfold parked list`")
    checks += [
        "check the spelling of the subject and of --organization",
        "see `callfold lag` for events that are not folded yet",
        f"and `callfold log grep . --subject {subject}` for what the log holds of it",
    ]
    said = f"no {kind.value} {subject!r} is known of organization {organization!r}"
    return safe_line(f"{said}; {'; '.join(checks)}")
