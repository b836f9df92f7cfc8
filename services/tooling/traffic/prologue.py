"""What is said around the calls: reference data, the execution's own events, enrolments."""

from collections.abc import Iterator
from typing import Any

from services.tooling.traffic.calls import DID_POOL
from services.tooling.traffic.contacts import ATTRIBUTES, Contact
from services.tooling.traffic.dice import Dice
from services.tooling.traffic.flow import FLOW_NAME, FLOW_VERSION, published
from services.tooling.traffic.plan import CampaignPlan
from services.tooling.traffic.script import Moment
from services.tooling.traffic.times import time_text

_MINUTE_US = 60_000_000
_DAY_US = 24 * 60 * _MINUTE_US
#: From here to the start the first contacts are enrolled, evenly.
ENROLMENT_US = 10 * _MINUTE_US
#: When each version is published, relative to the start: the last one comes too late to count.
_PUBLISHED_US = ((1, -2 * _DAY_US), (FLOW_VERSION, -_DAY_US), (3, _MINUTE_US))
_PAUSE_REASONS = ("manual", "no_credits", "threshold")


def reference_data(flow_id: str, start_us: int) -> Iterator[Moment]:
    """Attributes and flow versions of the organization, in order of time."""
    published_us = start_us + _PUBLISHED_US[0][1]
    for name, display_name, attribute_type, position in ATTRIBUTES:
        data: dict[str, Any] = {"displayName": display_name}
        if attribute_type is not None:
            data["type"] = attribute_type
        if position is not None:
            data["position"] = position
        published_us += 1
        yield published_us - _DAY_US, "attribute.defined", name, data
    for version, offset_us in _PUBLISHED_US:
        yield start_us + offset_us, "flow.published", flow_id, published(version)


def schedule(plan: CampaignPlan, dice: Dice, flow_id: str, start_us: int) -> Iterator[Moment]:
    """The execution is scheduled, an hour ahead, and starts."""
    data: dict[str, Any] = {
        "programId": plan.program_id,
        "programName": "Payment Reminders",
        "flowId": flow_id,
        "flowName": FLOW_NAME,
        "audienceId": f"audience-{plan.seed}",
        "didPool": list(DID_POOL),
        "retryStrategy": _retry_strategy(plan),
        "pauseWindows": {"sunday": [_window(0, 0, 23, 59)], "friday": [_window(12, 0, 14, 30)]},
        "timezone": plan.timezone,
        "scheduledStartAt": time_text(start_us),
        "agentId": "agent-reminder",
    }
    if dice.chance(0.5):
        # Unsaid, it is the highest one published before the start (events.md, A node's type).
        data["flowVersion"] = FLOW_VERSION
    yield start_us - 60 * _MINUTE_US, "execution.scheduled", plan.execution_id, data
    yield start_us, "execution.started", plan.execution_id, {}


def pause(plan: CampaignPlan, dice: Dice, pause_us: int, resume_us: int) -> Iterator[Moment]:
    """The execution is paused and resumed."""
    reason = {"reason": dice.pick(_PAUSE_REASONS)}
    yield pause_us, "execution.paused", plan.execution_id, reason
    yield resume_us, "execution.resumed", plan.execution_id, {}


def enrol(contact: Contact, at_us: int) -> Iterator[Moment]:
    """The contact's profile, and its place in the execution."""
    yield at_us, "contact.updated", contact.contact_id, contact.profile()
    yield at_us + 150, "contact.enrolled", contact.contact_id, contact.enrolment()


def _retry_strategy(plan: CampaignPlan) -> dict[str, Any]:
    if plan.attempts_max == 1:
        return {"type": "none"}
    return {
        "type": "fixed_delay",
        "delayMinutes": plan.retry_delay_minutes,
        "maxRetries": plan.attempts_max - 1,
    }


def _window(start_hour: int, start_minute: int, end_hour: int, end_minute: int) -> dict[str, Any]:
    return {
        "startAt": {"hour": start_hour, "minute": start_minute},
        "endAt": {"hour": end_hour, "minute": end_minute},
    }
