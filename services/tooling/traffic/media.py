"""What nodes do besides talking: recordings, messages, variables, transfers."""

from typing import Any

from services.tooling.traffic.charges import amount_json
from services.tooling.traffic.script import AttemptScript
from services.tooling.traffic.steps import OpenStep

_SPOKEN = (
    "I will pay at the end of the month.",
    "Merci de me rappeler demain matin.",
    "شكرا، سأتصل بكم لاحقا",
    "The invoice is wrong, please check it.",
)
_LINK_BODY = "Your payment link: https://pay.example.com/i/{reference} Thank you!"
_SMS_FAILED_SHARE = 0.06


def record(script: AttemptScript, step: OpenStep) -> str:
    """A message after the tone, transcribed some seconds later."""
    _record_voice(script, step, transcribed_share=0.8)
    return "onComplete"


def collect_audio(script: AttemptScript, step: OpenStep) -> str:
    """A spoken answer, always transcribed."""
    _record_voice(script, step, transcribed_share=1.0)
    return "onComplete"


def send_link(script: AttemptScript, step: OpenStep) -> str:
    """A message sent from inside the flow."""
    send_sms(script, script.ids.next_part(), {**step.place})
    return "onComplete"


def send_sms(script: AttemptScript, sms_id: str, extra: dict[str, Any]) -> None:
    """Request, send, and deliver or fail one message; `extra` goes into the request."""
    dice = script.dice
    body = _LINK_BODY.format(reference=sms_id[:8])
    number = f"+2126{dice.getrandbits(26):08d}"
    request = {"smsId": sms_id, "from": "CALLFOLD", "to": number, "body": body, "parts": 1, **extra}
    script.say("sms.requested", request)
    sent_us = dice.between_us(60, 600)
    if dice.chance(_SMS_FAILED_SHARE):
        script.say("sms.failed", {"smsId": sms_id, "error": "unreachable"}, after_us=sent_us)
        return
    provider_id = f"SM{dice.getrandbits(48):012x}"
    script.say("sms.sent", {"smsId": sms_id, "providerMessageId": provider_id}, after_us=sent_us)
    if dice.chance(0.9):
        delivered_us = sent_us + dice.between_us(800, 20_000)
        script.say("sms.delivered", {"smsId": sms_id}, after_us=delivered_us)


def set_promise(script: AttemptScript, step: OpenStep) -> str:
    """A variable of the flow, with a value of any JSON type."""
    name, value = script.dice.pick(
        (("promise_date", "2026-01-31"), ("promised", True), ("amount", 125.5), ("note", ""))
    )
    data: dict[str, Any] = {"name": name, "value": value}
    if script.dice.chance(0.7):
        data.update(step.place)
    script.say("variable.set", data)
    return "onComplete"


def update_contact(script: AttemptScript, _step: OpenStep) -> str:
    """The contact's profile changes by keys; a null removes one (events.md, Contact)."""
    promise = None if script.dice.chance(0.05) else "2026-01-31"
    script.say_of_contact("contact.updated", {"attributes": {"promise_date": promise}})
    return "onComplete"


def transfer(script: AttemptScript, step: OpenStep) -> str:
    """An agent takes over; the leg's cost is the transfer's own, no charge of the attempt."""
    script.wait(15_000, 90_000)
    data = {
        "providerCallId": f"CA{script.dice.getrandbits(64):016x}",
        "status": "completed",
        "from": "+212520000001",
        "to": "+212520000099",
        "durationMs": (script.now_us - step.entered_us) // 1000,
        "cost": amount_json(script, script.dice.getrandbits(28)),
        "hangupBy": "agent",
    }
    script.say("call.transferred", data)
    return "onComplete"


def _record_voice(script: AttemptScript, step: OpenStep, *, transcribed_share: float) -> None:
    script.wait(3_000, 25_000)
    recording_id = script.ids.next_part()
    recording = {
        **step.place,
        "recordingId": recording_id,
        "url": f"https://media.example.com/{recording_id}.wav",
        "durationMs": (script.now_us - step.entered_us) // 1000,
    }
    script.say("call.recorded", recording, after_us=script.dice.between_us(50, 900))
    if script.dice.chance(transcribed_share):
        text = {"recordingId": recording_id, "text": script.dice.pick(_SPOKEN)}
        delay_us = script.dice.between_us(2_000, 15_000)
        script.say("call.recording_transcribed", text, after_us=delay_us)
