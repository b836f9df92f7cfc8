"""A campaign with an attempt of every kind, and others beside it with the same ids."""

from typing import Any, Final

from tests.integration.services.read_api.call_execution.given import event, initiated

#: It needs encoding in a path.
CAMPAIGN: Final = "p/1 100%"


def _ended(call: str, clock: str, **data: Any) -> dict[str, Any]:
    return event("call.ended", call, clock, **data)


def _sms(sms: str, clock: str, **data: Any) -> dict[str, Any]:
    said = {"smsId": sms, "from_": "+1", "to": "+3", "body": "Hi"}
    return event("sms.requested", sms, clock, execution_id="spring", **said | data)


def _enrolled(contact: str, execution_id: str, **data: Any) -> dict[str, Any]:
    return event("contact.enrolled", contact, "09:00:00", execution_id=execution_id, **data)


def _status(status: str, contact: str, clock: str, execution_id: str = "spring") -> dict[str, Any]:
    return event(f"contact.{status}", contact, clock, execution_id=execution_id)


EVENTS: Final = (
    event("execution.scheduled", "spring", "08:00:00", programId=CAMPAIGN, programName="Spring"),
    event("execution.started", "spring", "08:30:00"),
    # A second run of the campaign, and one of another campaign.
    event("execution.scheduled", "summer", "08:00:00", programId=CAMPAIGN),
    event("execution.completed", "summer", "12:00:00"),
    event("execution.scheduled", "autumn", "08:00:00", programId="other"),
    event("execution.scheduled", "empty", "08:00:00", programId="idle"),
    # Calls of each status; 1001 says everything.
    event("contact.updated", "101", "08:00:00", firstName="John", lastName="Smith", phone="+99"),
    _enrolled("101", "spring", name="not he", phone="+98"),
    initiated("1001", "09:01:00.999", "spring", contactId="101", providerCallId="CA1",
              welcomeMessage="Hi John", agenda="renewal", variables={"name": "John", "n": 1.50}),
    _ended("1001", "09:02:00", outcome="completed", durationMs=44_500),
    event("call.analyzed", "1001", "09:03:00", voiceAnalytics={"sentiment_score": 0.85}),
    _enrolled("jane", "spring", name="Jane Doe", phone="+97"),
    initiated("c/2", "09:02:00", "spring", contactId="jane"),
    _ended("c/2", "09:02:30", outcome="no_answer", hangupReason="No answer", retryReason="later"),
    event("contact.updated", "lee", "08:00:00", firstName="", lastName="Lee"),
    initiated("busy", "09:03:00", "spring", contactId="lee"),
    _ended("busy", "09:03:30", outcome="busy"),
    initiated("rejected", "09:04:00", "spring", contactId="nobody"),
    _ended("rejected", "09:04:30", outcome="rejected", error="declined", hangupReason="hung up"),
    initiated("machine", "09:05:00", "spring"),
    _ended("machine", "09:05:30", outcome="voicemail", error="not told"),
    initiated("cancelled", "09:06:00", "spring"),
    _ended("cancelled", "09:06:30", outcome="cancelled"),
    initiated("broke", "09:07:00", "spring"),
    _ended("broke", "09:07:30", outcome="no_credits"),
    event("call.ringing", "ringing", "09:08:00", execution_id="spring"),
    # Lone SMS in each state.
    _sms("s1", "09:10:00", contactId="101", smsId="message 1", variables={"code": "7"}),
    _sms("s2", "09:11:00"),
    event("sms.sent", "s2", "09:11:01", smsId="s2"),
    _sms("s3", "09:12:00"),
    event("sms.delivered", "s3", "09:12:01", smsId="s3"),
    event("sms.failed", "s4", "09:13:00", execution_id="spring", smsId="s4", error="no route"),
    # Contacts that were skipped: with and without an attempt in that execution.
    _enrolled("otto", "spring", name="Otto"),
    event("contact.skipped", "otto", "09:20:00", execution_id="spring", reason="stopped"),
    _enrolled("otto", "summer"),
    event("contact.skipped", "otto", "09:21:00", execution_id="summer"),
    event("contact.skipped", "101", "09:22:00", execution_id="spring"),
    event("contact.skipped", "ran", "09:23:00", execution_id="spring"),
    event("run.started", "r1", "09:23:00", execution_id="spring", flowId="f", contactId="ran"),
    event("contact.skipped", "lee", "09:24:00", execution_id="autumn"),
    # How contacts stand; of those in both executions the later status counts.
    event("contact.updated", "jane", "08:00:00", attributes={"tier": "gold", "gone": None}),
    _enrolled("nobody", "spring", variables={"n": 2}),
    _status("failed", "jane", "09:25:00"),
    _status("failed", "lee", "09:25:00"),
    _status("failed", "nobody", "09:25:00"),
    _status("calling", "now", "09:25:00"),
    _status("retry_scheduled", "later", "09:25:00"),
    _status("completed", "both", "09:25:00"),
    _status("queued", "both", "09:24:00", "summer"),
    _status("failed", "again", "09:25:00"),
    _status("queued", "again", "09:26:00", "summer"),
    event("call.charged", "1001", "09:04:00", amount="0.25"),
    event("call.charged", "foreign", "09:34:00", amount=100),
    event("call.charged", "alone", "09:34:00", amount="1.5"),
    event("call.ended", "own", "09:31:00", outcome="completed", durationMs=5_000),
    event("call.ended", "foreign", "09:34:00", outcome="completed", durationMs=9_000),
    # The campaign's by their own word, or another's.
    initiated("own", "09:30:00", "autumn", programId=CAMPAIGN),
    initiated("alone", "09:31:00", programId=CAMPAIGN),
    initiated("unscheduled", "09:32:00", "winter", programId=CAMPAIGN),
    initiated("foreign", "09:33:00", "spring", programId="other"),
    initiated("another", "09:34:00", "autumn"),
    # At one time, the greater integer of the id first.
    initiated("7", "09:40:00", "summer"),
    initiated("12", "09:40:00", "summer"),
    # Another organization with the same ids.
    event("execution.scheduled", "spring", "08:00:00", organization_id="globex",
          programId=CAMPAIGN),
    initiated("1001", "09:01:00", "spring", "globex", contactId="101"),
)  # fmt: skip
