"""`callfold simulate`: traffic of any size, rate and messiness for any installation.

Registered by the command line in `__main__`. It needs Redis alone; what the reports must show is
counted by the generator and printed at the end, so that others can compare.
"""

import hashlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from services.tooling import simulate_options as options
from services.tooling.exit_codes import INTERRUPTED
from services.tooling.feed import Feed, Messiness, reports_of
from services.tooling.installation import ORGANIZATION_ID
from services.tooling.pace import Pace
from services.tooling.publish_progress import PublishProgress
from services.tooling.simulated_sender import SimulatedSender
from services.tooling.stop_signals import StopSignals
from services.tooling.traffic import Campaign, CampaignPlan
from shared.clock import monotonic_s
from shared.contracts.ids import is_id
from shared.settings import Settings

_STARTED_AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
_GLANCE_INTERVAL_S = 0.2
_AHEAD_S = 0.01  # shorter pauses are saved up: each costs a round trip

_encode = msgspec.json.Encoder(decimal_format="number").encode


class _ExecutionSummary(msgspec.Struct, frozen=True, rename="camel"):
    """One execution; its truth is None where not all of its events were published."""

    organization_id: str
    execution_id: str
    truth: dict[str, Any] | None


class _Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `--json` prints; `events` are the distinct ones, None after an interruption."""

    interrupted: bool
    entries: int
    events: int | None
    seconds: float
    entries_per_second: int
    executions: list[_ExecutionSummary]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traffic:
    """What decides the events; the name of an execution follows from all of it."""

    contacts: int
    seed: int
    started_at: datetime
    leave_open_share: float

    @property
    def fingerprint(self) -> str:
        """Differs wherever events would differ: ids must never be reused for other content."""
        text = f"{self.contacts}\n{self.seed}\n{self.started_at}\n{self.leave_open_share}"
        return hashlib.blake2b(text.encode(), digest_size=3).hexdigest()

    def campaign(self, organization_id: str, execution_id: str) -> Campaign:
        """One execution; its sources count their events from 0, so they are its own."""
        return Campaign(
            CampaignPlan(
                organization_id=organization_id,
                execution_id=execution_id,
                program_id="payment-reminders",
                contacts=self.contacts,
                seed=self.seed,
                started_at=self.started_at,
                leave_open_share=self.leave_open_share,
                dialer_sources=(f"/dialer/eu-1/{execution_id}", f"/dialer/eu-2/{execution_id}"),
                billing_source=f"/billing/eu-1/{execution_id}",
            )
        )


def simulate(  # noqa: PLR0913 -- each is an option
    *,
    contacts: options.Contacts = 1_000,
    executions: options.Executions = 1,
    organization: options.Organizations = None,
    redis_url: options.RedisUrl = None,
    rate: options.Rate = 0,
    duplicates: options.Duplicates = 0.05,
    disorder: options.Disorder = 0.20,
    binary: options.Binary = 0.0,
    inbox: options.Inbox = 0.0,
    leave_open: options.LeaveOpen = 0.0,
    seed: options.Seed = 1,
    started_at: options.StartedAt = _STARTED_AT,
    execution_prefix: options.ExecutionPrefix = "simulated",
    as_json: options.AsJson = False,
) -> None:
    """Publish simulated campaigns to any installation, and print what its reports must show.

    The same options publish the same events under the same execution ids: a second run is all
    duplicates, which count once. For more traffic change --seed or --execution-prefix. Rate,
    messiness, content mode and stream change how events travel, never which ones.

    Ctrl-C ends it with exit code 130 and says how much was published; running it again completes
    the rest.
    """
    url = redis_url or Settings.from_environment().require_redis_url()
    traffic = _Traffic(
        contacts=contacts,
        seed=seed,
        started_at=started_at if started_at.tzinfo else started_at.replace(tzinfo=UTC),
        leave_open_share=leave_open,
    )
    campaigns = _campaigns(traffic, organization or [ORGANIZATION_ID], execution_prefix, executions)
    messiness = Messiness(seed=seed, duplicate_share=duplicates, disorder_share=disorder)
    feed = Feed(campaigns, messiness)
    with (
        StopSignals() as stop,
        SimulatedSender(url, binary_share=binary, inbox_share=inbox, seed=seed) as sender,
    ):
        stop.hold()  # what was sent shall be known exactly: only the loop ends early
        started_s = monotonic_s()
        _publish(feed, sender, Pace(rate), stop, contacts=contacts * len(campaigns))
        summary = _summary(feed, campaigns, monotonic_s() - started_s)
    if as_json:
        sys.stdout.write(_encode(summary).decode() + "\n")
    else:
        _print_table(summary)
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)


def _campaigns(
    traffic: _Traffic, organizations: Sequence[str], prefix: str, executions: int
) -> list[Campaign]:
    execution_ids = [f"{prefix}-{traffic.fingerprint}-{n}" for n in range(1, executions + 1)]
    if not prefix or not is_id(execution_ids[-1]):
        raise typer.BadParameter("it cannot begin an id", param_hint="--execution-prefix")
    for organization_id in organizations:
        if not is_id(organization_id):
            raise typer.BadParameter("it cannot be an id", param_hint="--organization")
    return [
        traffic.campaign(organization_id, execution_id)
        for execution_id in execution_ids
        for organization_id in dict.fromkeys(organizations)
    ]


def _publish(
    feed: Feed, sender: SimulatedSender, pace: Pace, stop: StopSignals, *, contacts: int
) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    shown_s = 0.0
    with PublishProgress(console, contacts=contacts, folds=False) as progress:
        for event in feed:
            sender.send(event)
            while (ahead_s := pace.ahead_s(feed.entries)) > _AHEAD_S and not stop.requested:
                sender.flush()
                time.sleep(min(ahead_s, _GLANCE_INTERVAL_S))
            if monotonic_s() >= shown_s:
                shown_s = monotonic_s() + _GLANCE_INTERVAL_S
                progress.show(contacts_settled=feed.contacts_settled, entries=feed.entries)
            if stop.requested:
                break
        sender.flush()
        progress.show(contacts_settled=feed.contacts_settled, entries=feed.entries)


def _summary(feed: Feed, campaigns: Sequence[Campaign], seconds: float) -> _Summary:
    return _Summary(
        interrupted=not feed.is_over,
        entries=feed.entries,
        events=feed.events if feed.is_over else None,
        seconds=round(seconds, 3),
        entries_per_second=round(feed.entries / seconds),
        executions=[
            _ExecutionSummary(
                campaign.plan.organization_id,
                campaign.plan.execution_id,
                reports_of(campaign.truth) if feed.is_over else None,
            )
            for campaign in campaigns
        ],
    )


def _print_table(summary: _Summary) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(title="What the reports must show", title_justify="left")
    for header in ("organization", "execution"):
        table.add_column(header)
    for header in ("contacts", "completed", "calls", "answered", "credits"):
        table.add_column(header, justify="right")
    for execution in summary.executions:
        table.add_row(
            execution.organization_id, execution.execution_id, *_key_figures(execution.truth)
        )
    console.print(table)
    distinct = "" if summary.events is None else f" of {summary.events:,} events"
    console.print(
        f"{'Interrupted: ' if summary.interrupted else ''}{summary.entries:,} entries{distinct} "
        f"published in {summary.seconds:.1f} s ({summary.entries_per_second:,}/s)"
    )


def _key_figures(truth: dict[str, Any] | None) -> list[str]:
    if truth is None:
        return ["?"] * 5
    report = truth["report"]
    contacts, calls = report["contactMetrics"], report["callMetrics"]
    figures = (contacts["totalContacts"], contacts["completed"], calls["totalCalls"])
    credits_used = report["billingMetrics"]["totalCreditsUsed"]
    return [f"{figure:,}" for figure in (*figures, calls["answered"], credits_used)]
