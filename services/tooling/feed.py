"""Simulated campaigns as one messy stream of events, counted as they pass.

Used by `callfold demo` and `callfold simulate`, which publish what comes out.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from services.tooling.traffic import Campaign, CampaignTruth, Event, disorder

#: Said once of each contact that is done with; left open, it is not said.
_SETTLING_TYPES = frozenset({"contact.completed", "contact.failed", "contact.skipped"})


def settles_contact(event: Event) -> bool:
    """Whether the event is the last one about a contact's status."""
    return event["type"] in _SETTLING_TYPES


def reports_of(truth: CampaignTruth) -> dict[str, Any]:
    """The four reports that a whole campaign must show, by their key in `--json`."""
    return {
        "report": truth.report(),
        "breakdown": truth.breakdown(),
        "nodeStats": truth.node_stats(),
        "billing": truth.billing(),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Messiness:
    """What the network does to the stream; shares are 0 to 1."""

    seed: int
    duplicate_share: float = 0.05
    disorder_share: float = 0.20


class Feed:
    """The entries of some campaigns, to be iterated once.

    Attributes:
        events: Distinct events that the campaigns have said so far.
        entries: What was handed out so far, duplicates included.
        contacts_settled: Contacts that are done with, for a progress bar.
        is_over: Whether the last entry was handed out.
    """

    def __init__(
        self,
        campaigns: Sequence[Campaign],
        messiness: Messiness,
        *,
        loses: Callable[[Event], bool] | None = None,
    ) -> None:
        """Nothing has passed yet; `loses` says which events never reach the stream."""
        self._campaigns = campaigns
        self._messiness = messiness
        self._loses = loses
        self.events = self.entries = self.contacts_settled = 0
        self.is_over = False

    def __iter__(self) -> Iterator[Event]:
        """All entries; a duplicate is the same dict again."""
        messy = disorder(
            self._counted(_rounds([campaign.events() for campaign in self._campaigns])),
            seed=self._messiness.seed,
            duplicate_share=self._messiness.duplicate_share,
            disorder_share=self._messiness.disorder_share,
        )
        for event in messy:
            self.entries += 1
            yield event
        self.is_over = True

    def _counted(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self.contacts_settled += settles_contact(event)
            if self._loses is not None and self._loses(event):
                continue
            self.events += 1
            yield event


def _rounds(streams: Iterable[Iterator[Event]]) -> Iterator[Event]:
    """One event of each stream in turn until all are exhausted."""
    waiting = deque(streams)
    while waiting:
        stream = waiting.popleft()
        for event in stream:
            yield event
            waiting.append(stream)
            break
