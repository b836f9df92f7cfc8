"""What is still said of a call after it has ended: media, analysis, corrections."""

from collections.abc import Mapping
from typing import Any

from services.tooling.traffic.script import AttemptScript

_CORRECTION_SHARE = 0.015
#: What a carrier's record says later instead of what the switch had said.
_CORRECTED = {
    "no_answer": ("busy", "busy"),
    "busy": ("rejected", "rejected"),
    "rejected": ("no_answer", "no_answer"),
    "failed": ("cancelled", "cancelled"),
    "cancelled": ("failed", "failed"),
    "no_credits": ("failed", "failed"),
    "completed": ("voicemail", "completed"),
    "voicemail": ("completed", "user_hangup"),
}


def process_recording(script: AttemptScript, talk_ms: int) -> None:
    """Recording, transcript, extraction, and the word that all of it is done."""
    dice = script.dice
    done_us = dice.between_us(500, 3_000)
    if dice.chance(0.25):
        recording_id = script.ids.next_part()
        data: dict[str, Any] = {
            "recordingId": recording_id,
            "url": f"https://media.example.com/{recording_id}.mp3",
            "durationMs": talk_ms,
        }
        script.say("call.recorded", data, after_us=done_us)
    if dice.chance(0.10):
        done_us += dice.between_us(2_000, 8_000)
        transcript = {"transcript": "agent: Good morning.\ncaller: I will pay at the end of May."}
        script.say("call.transcribed", transcript, after_us=done_us)
        done_us += dice.between_us(300, 2_000)
        analysis = {
            "extractedData": {"promised": dice.chance(0.6), "day": None},
            "voiceAnalytics": {"sentiment": dice.pick(("positive", "neutral", "negative"))},
        }
        script.say("call.analyzed", analysis, after_us=done_us)
    script.say("call.finalized", {}, after_us=done_us + 1_000)


def correct_sometimes(
    script: AttemptScript, ended: Mapping[str, Any], *, answered_us: int | None
) -> None:
    """Seldom a later `call.ended`: it wins as a whole, but the time of the end stays the first.

    Args:
        ended: The payload of the first `call.ended`, whose keys the correction repeats.
        answered_us: When the call was answered; None if it was not.
    """
    dice = script.dice
    if not dice.chance(_CORRECTION_SHARE):
        return
    ledger = script.ledger
    outcome, flow_outcome = _CORRECTED[ledger.outcome or "failed"]
    data = {**ended, "outcome": outcome, "flowOutcome": flow_outcome, "final": True}
    if dice.chance(0.5):
        data.pop("durationMs", None)
        talk_ms = None if answered_us is None else (script.now_us - answered_us) // 1000
    else:
        data["durationMs"] = talk_ms = int(dice.random() * 60_000)
    ledger.outcome, ledger.flow_outcome, ledger.duration_ms = outcome, flow_outcome, talk_ms
    script.say("call.ended", data, after_us=dice.between_us(60_000, 900_000))
