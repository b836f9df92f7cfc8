"""What a simulated campaign shall look like; built by the command line, benchmarks and tests."""

from dataclasses import dataclass
from datetime import datetime

_ID_CHARACTERS_MAX = 128
_SOURCE_CHARACTERS_MAX = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class CampaignPlan:
    """Everything that decides a campaign's traffic: equal plans give equal events.

    Attributes:
        contacts: How many contacts are enrolled, one after the other.
        timezone: IANA zone that `execution.scheduled` names; event times are instants.
        attempts_max: Calls per contact at most, the first included.
        lines: Calls that may be in progress at the same time.
        enrolled_ahead: Contacts enrolled before the dialer reaches them; the rest follow at
            its pace, so that a million contacts do not open the stream with a million enrolments.
        leave_open_share: Share of contacts (0 to 1) that stay pending, queued, in a call or
            waiting for a retry. Above 0 the execution does not complete.
        dialer_sources: CloudEvents sources of the lines. `sequence` starts at 0 in each source,
            so two campaigns of one organization need different sources.
        billing_source: CloudEvents source of all charges; writes local times with an offset.
        id_namespace: Campaigns with equal namespace and seed draw the same ids, for contacts
            and attempts too; None makes them the campaign's own.
    """

    organization_id: str
    execution_id: str
    program_id: str
    contacts: int
    seed: int
    started_at: datetime
    timezone: str = "Africa/Casablanca"
    attempts_max: int = 3
    retry_delay_minutes: int = 30
    lines: int = 30
    enrolled_ahead: int = 1_000
    leave_open_share: float = 0.0
    dialer_sources: tuple[str, ...] = ("/dialer/eu-1", "/dialer/eu-2")
    billing_source: str = "/billing/eu-1"
    id_namespace: str | None = None

    def __post_init__(self) -> None:
        """Refuse what could not become valid events, where the mistake was made."""
        for name in ("organization_id", "execution_id", "program_id"):
            _require_length(name, getattr(self, name), _ID_CHARACTERS_MAX)
        for source in (*self.dialer_sources, self.billing_source):
            _require_length("source", source, _SOURCE_CHARACTERS_MAX)
        if not self.dialer_sources or self.billing_source in self.dialer_sources:
            message = "a plan needs dialer sources and a billing source of its own"
            raise ValueError(message)
        if self.started_at.tzinfo is None:
            message = "started_at must be an aware datetime"
            raise ValueError(message)
        if self.contacts < 0 or min(self.attempts_max, self.lines, self.enrolled_ahead) < 1:
            message = "contacts must be 0 or more; attempts, lines and enrolled_ahead 1 or more"
            raise ValueError(message)
        if not 0 <= self.leave_open_share <= 1:
            message = "leave_open_share must lie between 0 and 1"
            raise ValueError(message)

    @property
    def identity(self) -> str:
        """The text that seeds every decision: differs between executions of one namespace."""
        return f"{self.organization_id}\n{self.execution_id}\n{self.seed}"

    @property
    def id_seed(self) -> str:
        """The text that seeds every id."""
        if self.id_namespace is None:
            return self.identity
        return f"{self.id_namespace}\n{self.seed}"


def _require_length(name: str, value: str, characters_max: int) -> None:
    if not 1 <= len(value) <= characters_max:
        message = f"{name} must have 1 to {characters_max} characters, not {len(value)}"
        raise ValueError(message)
