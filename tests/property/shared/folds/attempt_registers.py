"""What attempts must remember, written down from events.md; see `registers`."""

from decimal import Decimal
from typing import Any

from tests.property.event_strategies.events import ATTEMPT_TYPES, RawEvent
from tests.property.rule_three import earliest_us, fact, known_keys
from tests.property.shared.folds.registers import Events, Register, grouped, key_of, of, saying

_ANSWERS = ("call.answered", "call.amd_completed")
_RECORDINGS = ("call.recorded", "call.recording_transcribed")
_STEPS = ("node.entered", "node.exited", "dtmf.received")
_MESSAGES = ("sms.requested", "sms.sent", "sms.delivered", "sms.failed")


def _execution(events: Events) -> Any:
    named = [event for event in events if event.get("executionid") is not None]
    return fact(named, lambda event: event["executionid"])


def _initiated(events: Events) -> dict[str, Any]:
    """Key by key, each by rule 3."""
    keys = {key for event in events for key in known_keys(event["data"])}
    return {key: fact(saying(events, key), key_of(key)) for key in keys}


def _kept_keys(state: Any) -> dict[str, Any]:
    return {key: (*stamp, value) for *stamp, keys in state.initiated for key, value in keys.items()}


def _recordings(events: Events) -> dict[str, Any]:
    recordings = grouped(events, lambda event: event["data"]["recordingId"])
    return {
        recording_id: (
            fact(of(said, "call.recorded")),
            fact(of(said, "call.recording_transcribed"), key_of("text")),
        )
        for recording_id, said in recordings.items()
    }


def _charges(events: Events) -> dict[str, Any]:
    def place(event: RawEvent) -> str:
        said = (event["data"].get(key) for key in ("nodeType", "nodeId", "component"))
        return "\n".join(name or "" for name in said)

    charges = {}
    for key, said in grouped(events, place).items():
        nano = sum(int(Decimal(str(event["data"]["amount"])).scaleb(9)) for event in said)
        durations = [event["data"]["durationMs"] for event in saying(said, "durationMs")]
        charges[key] = (str(nano), len(said), str(sum(durations)), len(durations))
    return charges


def _steps(events: Events) -> dict[str, Any]:
    steps = grouped(events, lambda event: event["data"]["stepId"])
    return {
        step_id: {
            "first": earliest_us(said),
            "node": fact(said, key_of("nodeId")),
            "type": fact(saying(said, "nodeType"), key_of("nodeType")),
            "entered": earliest_us(of(said, "node.entered")),
            "exited": fact(of(said, "node.exited"), _exit),
            "digits": fact(_inputs(said), _input),
        }
        for step_id, said in steps.items()
    }


def _exit(event: RawEvent) -> tuple[Any, ...]:
    return tuple(event["data"].get(key) for key in ("output", "edgeId", "context"))


def _inputs(events: Events) -> Events:
    return [event for event in of(events, "dtmf.received") if event["data"]["digits"] != ""]


def _input(event: RawEvent) -> tuple[Any, ...]:
    return (event["data"]["digits"], event["data"].get("branch"))


def _kept_steps(state: Any) -> dict[str, Any]:
    return {
        step_id: {
            "first": step.first_us,
            "node": step.named[:5],
            "type": step.typed if step.named[5] is None else (*step.named[:4], step.named[5]),
            "entered": step.entered_us,
            "exited": step.exited,
            "digits": step.digits,
        }
        for step_id, step in state.steps.items()
    }


def _variables(events: Events) -> dict[str, Any]:
    def value(event: RawEvent) -> tuple[Any, ...]:
        return tuple(event["data"].get(key) for key in ("value", "stepId", "nodeId"))

    variables = grouped(events, lambda event: event["data"]["name"])
    return {name: fact(said, value) for name, said in variables.items()}


def _messages(events: Events) -> dict[str, Any]:
    def status(event: RawEvent) -> tuple[Any, ...]:
        return (event["type"].partition(".")[2], known_keys(event["data"]))

    messages = grouped(events, lambda event: event["data"]["smsId"])
    return {
        sms_id: (
            fact(of(said, "sms.requested")),
            fact(of(said, "sms.sent", "sms.delivered", "sms.failed"), status),
        )
        for sms_id, said in messages.items()
    }


def _is(events: Events) -> tuple[bool, bool, bool]:
    """Whether there is any event that makes a call, a run, an SMS of it."""
    families = {
        event["type"].partition(".")[0] for event in events if event["type"] != "call.charged"
    }
    runs = {"run", "node", "dtmf", "variable"}
    return ("call" in families, bool(families & runs), "sms" in families)


def _moments(events: Events) -> tuple[int | None, ...]:
    types = ("call.ringing", "call.answered", "call.ended", "call.finalized", "run.ended")
    return tuple(earliest_us(of(events, type_)) for type_ in types)


def _register(name: str, types: tuple[str, ...], expected: Any, actual: Any) -> Register:
    return Register("attempt", name, types, expected, actual)


ATTEMPT_REGISTERS = (
    _register("execution", ATTEMPT_TYPES, _execution, lambda state: state.execution),
    _register(
        "kind", ATTEMPT_TYPES, _is, lambda state: (state.is_call, state.is_run, state.is_sms)
    ),
    _register(
        "moments",
        ("call.ringing", "call.answered", "call.ended", "call.finalized", "run.ended"),
        _moments,
        lambda state: (
            state.ringing_us,
            state.answered_us,
            state.ended_us,
            state.finalized_us,
            state.run_ended_us,
        ),
    ),
    _register("initiated", ("call.initiated",), _initiated, _kept_keys),
    _register(
        "answered_by",
        _ANSWERS,
        lambda events: fact(saying(events, "answeredBy"), key_of("answeredBy")),
        lambda state: state.answered_by,
    ),
    _register("ended", ("call.ended",), fact, lambda state: state.ended),
    _register("transferred", ("call.transferred",), fact, lambda state: state.transferred),
    _register(
        "transcribed",
        ("call.transcribed",),
        lambda events: fact(events, key_of("transcript")),
        lambda state: state.transcribed,
    ),
    _register("analyzed", ("call.analyzed",), fact, lambda state: state.analyzed),
    _register(
        "recordings",
        _RECORDINGS,
        _recordings,
        lambda state: {
            recording_id: (recording.recorded, recording.text)
            for recording_id, recording in state.recordings.items()
        },
    ),
    _register("charges", ("call.charged",), _charges, lambda state: state.charges),
    _register("run_started", ("run.started",), fact, lambda state: state.run_started),
    _register("run_ended", ("run.ended",), fact, lambda state: state.run_ended),
    _register("steps", _STEPS, _steps, _kept_steps),
    _register("variables", ("variable.set",), _variables, lambda state: state.variables),
    _register(
        "messages",
        _MESSAGES,
        _messages,
        lambda state: {
            sms_id: (message.requested, message.status)
            for sms_id, message in state.messages.items()
        },
    ),
)
