"""Attempts that are no calls of the dialer: flow runs, lone messages, bare charges."""

from services.tooling.traffic.charges import charge_lookup, charge_message
from services.tooling.traffic.flow import FLOW_VERSION
from services.tooling.traffic.media import send_sms
from services.tooling.traffic.plan import CampaignPlan
from services.tooling.traffic.script import AttemptScript
from services.tooling.traffic.walk import walk

_RUN_FIRST_NODE_IDS = ("set-promise", "sms-link")


def run_flow(script: AttemptScript, plan: CampaignPlan, flow_id: str, *, stays_open: bool) -> None:
    """The silent part of the flow, run without a call (events.md, Flow run and nodes)."""
    data = {
        "flowId": flow_id,
        "flowVersion": FLOW_VERSION,
        "contactId": script.ledger.contact_id,
        "programId": plan.program_id,
    }
    script.say("run.started", data)
    script.now_us += 400
    first_node_id = script.dice.pick(_RUN_FIRST_NODE_IDS)
    outcome = walk(script, first_node_id, steps_max=2 if stays_open else None)
    if outcome is None:
        return
    script.ledger.flow_outcome = outcome
    script.say("run.ended", {"outcome": outcome, "variables": {"promised": True}}, after_us=500)


def send_lone_sms(script: AttemptScript, plan: CampaignPlan) -> None:
    """A message that is itself the attempt: its subject is its own id."""
    extra = {
        "contactId": script.ledger.contact_id,
        "attempt": script.ledger.attempt_number,
        "programId": plan.program_id,
    }
    send_sms(script, script.ledger.attempt_id, extra)
    charge_message(script)


def look_up(script: AttemptScript) -> None:
    """An attempt of charges alone: it counts as a call, ongoing, at its first attempt."""
    charge_lookup(script)
