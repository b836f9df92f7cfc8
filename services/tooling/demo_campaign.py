"""One campaign through a running installation: published, waited for, read back and compared.

Called by `callfold demo`, which starts the installation and shows the outcome.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from services.tooling.feed import Feed, Messiness, reports_of, settles_contact
from services.tooling.figure_comparison import Figure, Path, compare
from services.tooling.installation import ORGANIZATION_ID, Installation
from services.tooling.installed_figures import Folded, ReportReader, ReportUnavailableError, folded
from services.tooling.publish_progress import PublishProgress
from services.tooling.traffic import Campaign, CampaignPlan, Event
from shared.clock import monotonic_s
from shared.delivery.connection import redis_client
from shared.delivery.publisher import Publisher
from shared.errors import CallfoldError

_STARTED_AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
_LINES = 100
_GLANCE_INTERVAL_S = 0.4
_SILENCE_S = 60.0  # so long nothing may be folded while something waits


class DemoError(CallfoldError):
    """The installation does not fold what was published."""


class LostEvent:
    """Loses one event of a campaign, the first that moves a figure for certain.

    The event that settles a contact is said once, and without it the contact stays in another of
    the seven statuses.
    """

    def __init__(self) -> None:
        self.event: Event | None = None  #: None until it is lost

    def __call__(self, event: Event) -> bool:
        """Whether this one never reaches the stream."""
        if self.event is None and settles_contact(event):
            self.event = event
            return True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOutcome:
    """What came of it; both sides hold report, breakdown, nodeStats and billing."""

    execution_id: str
    events: int
    entries: int
    duplicates: int
    seconds: float  #: from the first event published to the last one visible
    reports: dict[str, Any]
    truth: dict[str, Any]
    figures: dict[Path, Figure]

    @property
    def differing(self) -> list[Figure]:
        """The figures that are not as they must be."""
        return [figure for figure in self.figures.values() if not figure.is_right]


class DemoCampaign:
    """A campaign of an execution that the installation does not know yet."""

    def __init__(
        self, installation: Installation, contacts: int, seed: int, lost: LostEvent | None
    ) -> None:
        self._installation = installation
        self.execution_id, self.reader = _unused_execution(installation)
        self._campaign = Campaign(_plan(self.execution_id, contacts, seed))
        self._feed = Feed([self._campaign], Messiness(seed=seed), loses=lost)
        self._folded_before = self._now_folded() or Folded()

    def run(self, console: Console) -> DemoOutcome:
        """Publish all of it, wait until it is folded, read the reports.

        Args:
            console: shows the progress.

        Raises:
            CallfoldError: events are not taken, not folded, or not reported.
        """
        started_s = monotonic_s()
        contacts = self._campaign.plan.contacts
        with PublishProgress(console, contacts=contacts, folds=True) as progress:
            self._publish(lambda: self._glance(progress))
            progress.published_all(entries=self._feed.entries)
            self._wait_until_folded(lambda: self._glance(progress))
        seconds = monotonic_s() - started_s
        return self._outcome(seconds)

    def _publish(self, glance: Callable[[], object]) -> None:
        glance_s = monotonic_s()
        with Publisher(self._installation.servers.redis_url) as publisher:
            for event in self._feed:
                publisher.publish(event)
                if monotonic_s() >= glance_s:
                    glance()
                    glance_s = monotonic_s() + _GLANCE_INTERVAL_S

    def _wait_until_folded(self, glance: Callable[[], int | None]) -> None:
        """Every entry so far is visible once the report is as of a later instant of Redis."""
        published_at = _redis_now(self._installation.servers.redis_url)
        moved_s, entries = monotonic_s(), glance()
        while not self._is_visible(published_at):
            before, entries = entries, glance()
            if entries != before:
                moved_s = monotonic_s()
            elif monotonic_s() - moved_s > _SILENCE_S:
                raise DemoError(
                    f"nothing was folded for {_SILENCE_S:g} s, though entries wait: "
                    "run it again with --data-dir, and read the logs in there"
                )
            time.sleep(_GLANCE_INTERVAL_S / 4)
        glance()

    def _is_visible(self, published_at: datetime) -> bool:
        try:
            answer = self.reader.read()
        except ReportUnavailableError:
            return False  # it is started again where it died; the patience is bounded
        return answer is not None and answer.as_of is not None and answer.as_of >= published_at

    def _glance(self, progress: PublishProgress) -> int | None:
        """Keep the installation running and show how far it is; returns the entries folded."""
        self._installation.watch()
        now = self._now_folded()
        entries = None if now is None else now.entries - self._folded_before.entries
        progress.show(
            contacts_settled=self._feed.contacts_settled,
            entries=self._feed.entries,
            folded=entries,
        )
        return entries

    def _now_folded(self) -> Folded | None:
        return folded(self._installation.probe_urls)

    def _outcome(self, seconds: float) -> DemoOutcome:
        truth = reports_of(self._campaign.truth)
        main_report = self.reader.require()
        reports = {
            "report": {key: main_report.get(key) for key in truth["report"]},
            "breakdown": self.reader.require("breakdown"),
            "nodeStats": self.reader.require("node-stats"),
            "billing": self.reader.require("billing"),
        }
        now = self._now_folded() or Folded()
        return DemoOutcome(
            execution_id=self.execution_id,
            events=self._feed.events,
            entries=self._feed.entries,
            duplicates=now.duplicates - self._folded_before.duplicates,
            seconds=seconds,
            reports=reports,
            truth=truth,
            figures=compare(reports, truth),
        )


def _plan(execution_id: str, contacts: int, seed: int) -> CampaignPlan:
    return CampaignPlan(
        organization_id=ORGANIZATION_ID,
        execution_id=execution_id,
        program_id="payment-reminders",
        contacts=contacts,
        seed=seed,
        started_at=_STARTED_AT,
        lines=_LINES,
        # Each source counts its events from 0, so a campaign has sources of its own.
        dialer_sources=(f"/dialer/eu-1/{execution_id}", f"/dialer/eu-2/{execution_id}"),
        billing_source=f"/billing/eu-1/{execution_id}",
    )


def _unused_execution(installation: Installation) -> tuple[str, ReportReader]:
    """The next id in this data directory: an execution runs once, and again is a duplicate."""
    for number in itertools.count(1):
        execution_id = f"demo-{number}"
        reader = ReportReader(installation.read_api_url, installation.api_key, execution_id)
        if reader.read() is None:
            return execution_id, reader
    raise AssertionError("unreachable")


def _redis_now(redis_url: str) -> datetime:
    """The instant of Redis' clock, which entry ids are made of, to the millisecond."""
    client = redis_client(redis_url)
    try:
        seconds, microseconds = client.time()
    finally:
        client.close()
    return datetime.fromtimestamp(int(seconds), UTC).replace(
        microsecond=int(microseconds) // 1000 * 1000
    )
