"""What comes of each try to reach a contact, and what becomes of the contact after it."""

from typing import NamedTuple

from services.tooling.traffic import calls, side_attempts
from services.tooling.traffic.contacts import Contact, contact_of
from services.tooling.traffic.dice import Dice, Ids
from services.tooling.traffic.ledger import AttemptKind, AttemptLedger
from services.tooling.traffic.plan import CampaignPlan
from services.tooling.traffic.script import AttemptScript
from services.tooling.traffic.times import time_text
from services.tooling.traffic.truth import CampaignTruth

_SKIPPED_SHARE = 0.03
_MINUTE_US = 60_000_000
_SECOND_US = 1_000_000
_SAID_AFTER_US = 50_000
#: One contact in each round of this many gets a run; one a message; one a bare charge.
_SIDE_ROUND = 50
_RUN_TURN, _SMS_TURN, _LOOKUP_TURN = 7, 13, 17
#: Cumulated shares of what comes of a dialled number.
_RESULTS = (
    (0.50, "human"),
    (0.62, "machine"),
    (0.84, "no_answer"),
    (0.90, "busy"),
    (0.93, "rejected"),
    (0.97, "failed"),
    (0.99, "cancelled"),
    (1.00, "no_credits"),
)
_NOT_RETRIED = frozenset({"human", "rejected"})
_OPEN_STATUSES = ("pending", "queued", "calling", "calling", "pendingRetry")


class Try(NamedTuple):
    """One try, scripted; `retry_due_us` None where none follows."""

    script: AttemptScript
    retry_due_us: int | None = None


class Outreach:
    """Scripts attempts, and counts each in the truth at the moment it is decided."""

    def __init__(self, plan: CampaignPlan, dice: Dice, ids: Ids, truth: CampaignTruth) -> None:
        """Share the campaign's dice and ids: every throw has its place in one order."""
        self._plan = plan
        self._dice = dice
        self._ids = ids
        self._truth = truth

    def contact(self, index: int) -> Contact:
        """The contact at this place of the audience."""
        return contact_of(self._plan.identity, self._ids.contact(index), index)

    def attempt(self, index: int, attempt: int, start_us: int) -> Try:
        """The contact's n-th attempt; the first may be refused or left open instead."""
        contact = self.contact(index)
        script = self._script("call", contact.contact_id, attempt, start_us)
        if attempt == 1:
            if self._dice.chance(self._plan.leave_open_share):
                self._leave_open(script, contact)
                return Try(script)
            if self._dice.chance(_SKIPPED_SHARE):
                self._settle(script, "skipped", {"reason": "opted_out"})
                return Try(script)
        result = self._throw_result()
        retried = attempt < self._plan.attempts_max and result not in _NOT_RETRIED
        self._call(script, contact, result, retry_follows=retried)
        if retried:
            return Try(script, self._say_retry(script, result))
        if result == "human":
            self._settle(script, "completed", {})
        else:
            self._settle(script, "failed", {"reason": result})
        return Try(script)

    def beside(self, index: int, start_us: int) -> AttemptScript | None:
        """The attempt that is no call of the dialer which this contact brings, if any."""
        turn = index % _SIDE_ROUND
        contact_id = self._ids.contact(index)
        is_open_plan = self._plan.leave_open_share > 0
        if turn == _RUN_TURN:
            script = self._script("run", contact_id, 1, start_us)
            stays_open = self._dice.chance(self._plan.leave_open_share)
            side_attempts.run_flow(script, self._plan, self._ids.flow, stays_open=stays_open)
        elif turn == _SMS_TURN:
            script = self._script("sms", contact_id, 1, start_us)
            side_attempts.send_lone_sms(script, self._plan)
        elif turn == _LOOKUP_TURN and is_open_plan:
            script = self._script("call", None, 1, start_us)
            side_attempts.look_up(script)
        else:
            return None
        self._truth.count_attempt(script.ledger)
        return script

    def _call(
        self, script: AttemptScript, contact: Contact, result: str, *, retry_follows: bool
    ) -> None:
        calls.start_call(script, self._plan, contact, self._ids.flow)
        if result in calls.ENDINGS:
            calls.end_unanswered(script, result, retry_follows=retry_follows)
        else:
            calls.talk(script, by_machine=result == "machine")
        self._truth.count_attempt(script.ledger)

    def _leave_open(self, script: AttemptScript, contact: Contact) -> None:
        """The contact is somewhere on its way when the events stop."""
        status = self._dice.pick(_OPEN_STATUSES)
        self._truth.count_contact(status)
        if status == "queued":
            script.say_of_contact("contact.queued", {})
        elif status == "pendingRetry":
            self._call(script, contact, "no_answer", retry_follows=True)
            self._say_retry(script, "no_answer")
        elif status == "calling":
            calls.start_call(script, self._plan, contact, self._ids.flow)
            if self._dice.chance(0.3):
                calls.ring_on(script)
            else:
                steps_max = 1 + int(self._dice.random() * 5)
                calls.talk(script, by_machine=False, steps_max=steps_max)
            self._truth.count_attempt(script.ledger)

    def _settle(self, script: AttemptScript, status: str, data: dict[str, str]) -> None:
        script.say_of_contact(f"contact.{status}", data, after_us=_SAID_AFTER_US)
        self._truth.count_contact(status)

    def _say_retry(self, script: AttemptScript, reason: str) -> int:
        due_us = script.now_us + self._plan.retry_delay_minutes * _MINUTE_US + _SECOND_US
        attempt = script.ledger.attempt_number + 1
        data = {"at": time_text(due_us), "attempt": attempt, "reason": reason}
        script.say_of_contact("contact.retry_scheduled", data, after_us=_SAID_AFTER_US)
        return due_us

    def _throw_result(self) -> str:
        thrown = self._dice.random()
        return next(result for share, result in _RESULTS if thrown < share)

    def _script(
        self, kind: AttemptKind, contact_id: str | None, attempt: int, start_us: int
    ) -> AttemptScript:
        ledger = AttemptLedger(kind, self._ids.next_attempt(), contact_id, attempt)
        return AttemptScript(self._dice, self._ids, ledger, start_us)
