"""`callfold replay`: the events of one call, contact or execution, and what each one changed."""

import sys

import msgspec
import typer

from services.tooling.exit_codes import DIFFERENT
from services.tooling.replay.options import ReplayedKind
from services.tooling.replay.steps import Replay, Step
from services.tooling.replay.text import step_lines
from services.tooling.safe_text import one_line as safe_line
from shared.contracts.event_types import Kind
from shared.errors import CallfoldError
from shared.folds.states import FOLD_VERSION
from shared.storage.connection import connect
from shared.storage.cutoffs import Cutoff
from shared.storage.generations import Generation, all_generations, live_of, partitions_of
from shared.storage.live_standing import live_tables
from shared.storage.subject_history import SubjectHistory, known_kinds, parked_about


class UnknownSubjectError(CallfoldError):
    """No state is known of the subject."""


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `--json` prints."""

    kind: str
    organization_id: str
    subject: str
    partition: int
    segments_read: int
    events: list[Step]
    #: Entries that --as-of left out.
    behind_cutoff: int
    #: How the replay differs from what the database holds; empty where it does not.
    differences: list[str]
    #: Why the two were not compared; null where they were.
    not_compared: str | None


def print_subject(
    database_url: str,
    kind: ReplayedKind,
    key: tuple[str, str],
    cutoff: Cutoff | None,
    *,
    shows_state: bool,
    as_json: bool,
) -> None:
    """Print one subject's history; `key` is its organization and its id.

    Raises:
        UnknownSubjectError: the live generation does not know it.
        GenerationError: another release laid out the live generation, and ours cannot read it.
    """
    organization, subject = key
    with connect(database_url, "replay") as connection:
        live = live_of(all_generations(connection))
        partitions = partitions_of(connection)
        whole_key = (kind.kind.value, *key)
        with live_tables(live):
            history = SubjectHistory(connection, live.number, partitions, whole_key)
        if history.kept is None:
            known = known_kinds(connection, live.number, whole_key)
            parked = parked_about(connection, subject)
            raise UnknownSubjectError(_what_to_check(kind, organization, subject, known, parked))
        not_compared = _why_not_compared(live, cutoff)
        replayed = Replay(
            kind.kind,
            subject,
            history,
            history.kept,
            cutoff,
            shows_state=shows_state,
            compares=not_compared is None,
        )
        if as_json:
            _print_json(replayed, history, kind, key, not_compared)
        else:
            _print_text(replayed, history, kind, key, not_compared)
    if replayed.differences:
        raise typer.Exit(DIFFERENT)


def _why_not_compared(live: Generation, cutoff: Cutoff | None) -> str | None:
    """What forbids to compare with the database; None where it can be."""
    if cutoff is not None:
        return "the database holds what is there now"
    if live.fold_version != FOLD_VERSION:
        return (
            f"the live generation {live.number} has fold version {live.fold_version}, this release"
            f" {FOLD_VERSION}; states above are of this release"
        )
    return None


def _print_json(
    replayed: Replay,
    history: SubjectHistory,
    kind: ReplayedKind,
    key: tuple[str, str],
    not_compared: str | None,
) -> None:
    steps = list(replayed.steps())
    answer = _Answer(
        kind=kind.value,
        organization_id=key[0],
        subject=key[1],
        partition=history.partition,
        segments_read=history.segments_read,
        events=steps,
        behind_cutoff=replayed.behind_cutoff,
        differences=replayed.differences,
        not_compared=not_compared,
    )
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")


def _print_text(
    replayed: Replay,
    history: SubjectHistory,
    kind: ReplayedKind,
    key: tuple[str, str],
    not_compared: str | None,
) -> None:
    print_ = typer.echo
    name = safe_line(f"{kind.value} {key[1]} of {key[0]}")
    print_(f"{name}, partition {history.partition}")
    before: Step | None = None
    events = 0
    for step in replayed.steps():
        events += 1
        for line in step_lines(events, step, before):
            print_(line)
        before = step if step.state is not None else before
    print_(f"entries: {events}; segments of the log that were read: {history.segments_read}")
    if replayed.behind_cutoff:
        print_(f"left out by --as-of: {replayed.behind_cutoff} entries")
    for difference in replayed.differences:
        print_(f"DIFFERENT: {difference}")
    if not_compared is not None:
        print_(f"not compared with the database: {not_compared}")
    elif not replayed.differences:
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
