"""One call from dialing to its post-processing, with every way a call can end."""

from typing import Any, NamedTuple

from services.tooling.traffic.charges import charge_call
from services.tooling.traffic.contacts import Contact
from services.tooling.traffic.flow import FLOW_VERSION, START_NODE_ID
from services.tooling.traffic.plan import CampaignPlan
from services.tooling.traffic.post_processing import correct_sometimes, process_recording
from services.tooling.traffic.script import AttemptScript
from services.tooling.traffic.steps import OpenStep, abandon, enter, leave
from services.tooling.traffic.walk import walk

DID_POOL = ("+212520000001", "+212520000002", "+212520000003")
_OUTCOME_UNSAID_SHARE = 0.10
_DURATION_UNSAID_SHARE = 0.15


class Ending(NamedTuple):
    """How calls of one outcome end: the signalling, and how long they take to end."""

    flow_outcome: str
    rings: bool
    low_ms: int
    high_ms: int
    hangup_by: str
    sip_code: int
    q850_cause: int


#: Outcomes without an answer.
ENDINGS = {
    "no_answer": Ending("no_answer", True, 22_000, 32_000, "system", 480, 19),
    "busy": Ending("busy", False, 900, 3_500, "carrier", 486, 17),
    "rejected": Ending("rejected", True, 2_000, 9_000, "callee", 603, 21),
    "failed": Ending("failed", False, 150, 1_800, "carrier", 503, 41),
    "cancelled": Ending("cancelled", True, 1_500, 8_000, "system", 487, 16),
    "no_credits": Ending("failed", False, 5, 30, "system", 402, 21),
}


def start_call(script: AttemptScript, plan: CampaignPlan, contact: Contact, flow_id: str) -> None:
    """The line takes the contact and dials."""
    dice = script.dice
    script.say_of_contact("contact.queued", {})
    # At equal times the higher rank wins: the contact is calling (events.md, rule 3).
    script.say_of_contact("contact.calling", {})
    script.now_us += 900
    data: dict[str, Any] = {
        "contactId": contact.contact_id,
        "direction": "outbound",
        "from": dice.pick(DID_POOL),
        "to": contact.phone,
        "provider": "sip-eu",
        "providerCallId": f"CA{dice.getrandbits(64):016x}",
        "programId": plan.program_id,
        "flowId": flow_id,
        "flowVersion": FLOW_VERSION,
    }
    if script.ledger.attempt_number > 1 or dice.chance(0.5):
        data["attempt"] = script.ledger.attempt_number
    script.say("call.initiated", data)


def let_ring(script: AttemptScript) -> None:
    """The other end rings."""
    script.wait(250, 1_200)
    script.say("call.ringing", {})


def end_unanswered(script: AttemptScript, outcome: str, *, retry_follows: bool) -> None:
    """Nobody answers, for the reason that the outcome names."""
    ending = ENDINGS[outcome]
    dial = enter(script, START_NODE_ID)
    if ending.rings:
        let_ring(script)
    script.wait(ending.low_ms, ending.high_ms)
    leave(script, dial, "onFailure")
    data: dict[str, Any] = {
        "flowOutcome": ending.flow_outcome,
        "hangupBy": ending.hangup_by,
        "sipCode": ending.sip_code,
        "q850Cause": ending.q850_cause,
    }
    if outcome == "failed":
        data["error"] = "carrier refused the call"
    if outcome != "failed" or not script.dice.chance(_OUTCOME_UNSAID_SHARE):
        data["outcome"] = outcome
    if retry_follows:
        data["retryReason"] = outcome
    if script.dice.chance(0.1):
        data["durationMs"] = script.ledger.duration_ms = 0
    script.ledger.outcome = outcome
    script.ledger.flow_outcome = ending.flow_outcome
    script.say("call.ended", data)
    charge_call(script, None)
    correct_sometimes(script, data, answered_us=None)


def talk(script: AttemptScript, *, by_machine: bool, steps_max: int | None = None) -> None:
    """Somebody or something answers and the flow runs, to an end unless `steps_max` is given."""
    dial = enter(script, START_NODE_ID)
    let_ring(script)
    script.wait(2_000, 15_000)
    answered_us = script.now_us
    output, outcome_is_derivable = _answer(script, dial, by_machine=by_machine)
    flow_outcome = walk(script, output, steps_max=steps_max)
    if flow_outcome is None:
        return
    script.wait(20, 400)
    _end_answered(
        script,
        outcome="voicemail" if by_machine else "completed",
        flow_outcome=flow_outcome,
        answered_us=answered_us,
        unsaid=outcome_is_derivable and script.dice.chance(_OUTCOME_UNSAID_SHARE),
    )


def ring_on(script: AttemptScript) -> None:
    """A call of which the stream ends while it rings."""
    dial = enter(script, START_NODE_ID)
    let_ring(script)
    abandon(script, dial)


def _answer(script: AttemptScript, dial: OpenStep, *, by_machine: bool) -> tuple[str, bool]:
    """The node that follows, and whether the events tell a machine from a human."""
    dice = script.dice
    detected = dice.chance(0.4)
    said = dice.pick(("human", "unknown", None))
    if by_machine and not detected:
        said = dice.pick(("machine", None))
    script.say("call.answered", {} if said is None else {"answeredBy": said})
    if detected:
        # Said later than the answer, so it wins over what the answer guessed.
        found = {"answeredBy": "machine" if by_machine else "human"}
        script.say("call.amd_completed", found, after_us=dice.between_us(800, 1_900))
    script.now_us += 700
    leave(script, dial, "onMachine" if by_machine else "onAnswer")
    derivable = not by_machine or detected or said == "machine"
    return ("play-voicemail" if by_machine else "play-welcome"), derivable


def _end_answered(
    script: AttemptScript, *, outcome: str, flow_outcome: str, answered_us: int, unsaid: bool
) -> None:
    dice = script.dice
    by_caller = flow_outcome == "user_hangup"
    data: dict[str, Any] = {
        "flowOutcome": flow_outcome,
        "hangupBy": "callee" if by_caller else "system",
        "hangupReason": "hangup" if by_caller else "flow_end",
        "hangupCode": 16,
        "sipCode": 200,
        "final": False,
    }
    if not unsaid:
        data["outcome"] = outcome
    talk_ms = (script.now_us - answered_us) // 1000
    if not dice.chance(_DURATION_UNSAID_SHARE):
        # The media server's clock starts a little after the answer; what is said wins.
        talk_ms -= min(talk_ms, int(dice.random() * 40))
        data["durationMs"] = talk_ms
    ledger = script.ledger
    ledger.outcome, ledger.flow_outcome, ledger.duration_ms = outcome, flow_outcome, talk_ms
    script.say("call.ended", data)
    process_recording(script, talk_ms)
    charge_call(script, talk_ms)
    correct_sometimes(script, data, answered_us=answered_us)
