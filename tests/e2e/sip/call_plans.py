"""The kinds of call that are placed, and what must be published about each of them.

A plan is a pair of SIPp scenarios with the figures that its `call.ended` carries; read by `sipp`,
which places the calls, and by `test_sip`, which expects the events.
"""

from dataclasses import dataclass

NUMBER = "+4930123456"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls whom: the call with number *n* takes row *n* - 1 of `CALLERS`, round and round."""

    number: str
    contact_id: str
    attempt: str
    #: From's display name as SIP writes it, and as it is meant.
    quoted_name: str
    name: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields of SIPp's injection file."""
        return (self.quoted_name, NUMBER, self.number, self.contact_id, self.attempt)


CALLERS = (
    Caller("+15550100", "contact-1", "1", "", None),
    Caller("+15550101", "contact 2", "2", '"Ann" ', "Ann"),
    Caller("+15550102", "c/3", "3", r'"The \"100%s\" Co., O\'Neil" ', 'The "100%s" Co., O\'Neil'),
    Caller("+15550103", "Zoë", "12", r'"Zoë 100% \\ %d" ', r"Zoë 100% \ %d"),
    Caller("+15550104", '{"5"}', "0", "Bob ", "Bob"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """One kind of call. `outcome` and what follows are what `call.ended` must say."""

    name: str
    caller: str
    #: None where the proxy itself must refuse.
    callee: str | None
    outcome: str
    sip_code: int
    hangup_by: str
    hangup_reason: str
    q850_cause: int | None = None
    #: The callee's Reason header (RFC 3326).
    reason: str = "none"

    @property
    def call_id_prefix(self) -> str:
        """Followed by the number of the call; a percent sign must survive everything."""
        return f"{self.name}%41-"

    @property
    def reply_phrase(self) -> str:
        """What stands behind the code in the callee's refusal."""
        return self.hangup_reason

    @property
    def code_at_caller(self) -> int:
        """The code that the caller receives: a proxy passes 503 on as 500 (RFC 3261, 16.7)."""
        return 500 if self.sip_code == 503 else self.sip_code

    @property
    def answered(self) -> bool:
        """Whether somebody picks up."""
        return self.outcome == "completed"


def _refused(
    name: str, code: int, phrase: str, outcome: str, reason: str = "none", cause: int | None = None
) -> CallPlan:
    return CallPlan(
        name=name,
        caller="caller_refused",
        callee="callee_refuses",
        outcome=outcome,
        sip_code=code,
        hangup_by="callee",
        hangup_reason=phrase,
        q850_cause=cause,
        reason=reason,
    )


ANSWERED = CallPlan(
    name="answered",
    caller="caller_hangs_up",
    callee="callee_answers",
    outcome="completed",
    sip_code=200,
    hangup_by="caller",
    hangup_reason="BYE",
)
CALLEE_HANGS_UP = CallPlan(
    name="callee-hangs-up",
    caller="caller_listens",
    callee="callee_hangs_up",
    outcome="completed",
    sip_code=200,
    hangup_by="callee",
    hangup_reason='Q.850;cause=16;text="Normal call clearing"',
    q850_cause=16,
)
REPEATED = CallPlan(
    name="repeated",
    caller="caller_repeats",
    callee="callee_repeats",
    outcome="completed",
    sip_code=200,
    hangup_by="caller",
    hangup_reason="BYE",
)
RING_TIMEOUT = CallPlan(
    name="ring-timeout",
    caller="caller_refused",
    callee="callee_rings",
    outcome="no_answer",
    sip_code=408,
    hangup_by="proxy",
    hangup_reason="Request Timeout",
)
CANCELLED = CallPlan(
    name="cancelled",
    caller="caller_cancels",
    callee="callee_rings",
    outcome="cancelled",
    sip_code=487,
    hangup_by="caller",
    hangup_reason="Request Terminated",
)
BUSY = _refused("busy", 486, "Busy Here", "busy")

PLANS = (
    ANSWERED,
    CALLEE_HANGS_UP,
    REPEATED,
    BUSY,
    _refused("rejected", 603, "Decline", "rejected"),
    _refused("unavailable", 480, "Temporarily Unavailable", "no_answer"),
    RING_TIMEOUT,
    CANCELLED,
    _refused("unknown-number", 404, "Not Found", "failed", "SIP;cause=404, Q.850 ;cause=1", 1),
    _refused("broken", 503, "Service Unavailable", "failed"),
    _refused("busy-line", 503, "Service Unavailable", "busy", 'Q.850;cause=17;text="busy"', 17),
    _refused("forbidden", 403, "Forbidden", "failed"),
    _refused("declined-line", 403, "Forbidden", "rejected", "Q.850;cause=21", 21),
)
