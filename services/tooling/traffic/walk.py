"""One attempt's way through the flow, node by node, with loops, hang-ups and dead ends."""

from collections.abc import Callable
from typing import Literal

from services.tooling.traffic import keypad, media
from services.tooling.traffic.flow import EXITS, NODE_BY_ID, UNPUBLISHED_NODE_ID
from services.tooling.traffic.script import AttemptScript
from services.tooling.traffic.steps import OpenStep, abandon, enter, leave, leave_unseen

FlowOutcome = Literal["completed", "user_hangup", "timeout"]

_HANGUP_SHARE = 0.02
_UNSEEN_ENTRY_SHARE = 0.01
_WEBHOOK_SHARE = 0.15
_FAILED_TURNS_MAX = 3
_VOICE_MS = (1_500, 8_000)
_SILENT_MS = (1, 20)
#: Seconds of voice where nothing else happens: only here the entry may go unseen, because no
#: other event of the step could be its earliest one.
_PLAIN_TYPES = frozenset({"play", "say", "condition"})

_ACTIONS: dict[str, Callable[[AttemptScript, OpenStep], str]] = {
    "condition-segment": lambda script, step: _output_of(script, step.node_id),
    "dtmf-menu": keypad.choose,
    "dtmf-account": keypad.enter_account,
    "play-welcome": keypad.press_early,
    "record-message": media.record,
    "collect-reason": media.collect_audio,
    "sms-link": media.send_link,
    "set-promise": media.set_promise,
    "update-contact": media.update_contact,
    "connect-agent": media.transfer,
}


def walk(
    script: AttemptScript, node_id: str, *, steps_max: int | None = None
) -> FlowOutcome | None:
    """Walk from the node to an end of the flow, a hang-up, or the step in which it still is.

    Args:
        steps_max: The walk stops inside this step, and goes on in no event; None walks to an end.

    Returns:
        The flow outcome; None where the walk has not ended.
    """
    following: str | None = node_id
    steps_count = failed_turns = 0
    while following is not None:
        steps_count += 1
        if steps_count == steps_max:
            abandon(script, enter(script, following))
            return None
        if script.dice.chance(_HANGUP_SHARE):
            _hang_up(script, following)
            return "user_hangup"
        output = _pass(script, following)
        failed_turns += output in {"onInvalid", "onTimeout"}
        if failed_turns == _FAILED_TURNS_MAX:
            return "timeout"
        following = _next_node(script, following, output)
    return "completed"


def _pass(script: AttemptScript, node_id: str) -> str:
    node = NODE_BY_ID.get(node_id)
    action = _ACTIONS.get(node_id)
    is_plain = node is not None and node.node_type in _PLAIN_TYPES
    if is_plain and script.dice.chance(_UNSEEN_ENTRY_SHARE):
        script.wait(*_VOICE_MS)
        output = _output_of(script, node_id)
        leave_unseen(script, node_id, output)
        return output
    step = enter(script, node_id)
    output = "onComplete" if action is None else action(script, step)
    script.wait(*(_VOICE_MS if is_plain and output == "onComplete" else _SILENT_MS))
    leave(script, step, output)
    return output


def _output_of(script: AttemptScript, node_id: str) -> str:
    if node_id == "condition-segment":
        return "branch_2" if script.dice.chance(0.2) else "branch_1"
    return "onComplete"


def _hang_up(script: AttemptScript, node_id: str) -> None:
    step = enter(script, node_id)
    script.wait(200, 3_000)
    if script.dice.chance(0.5):
        leave(script, step, "onHangup")
    else:
        abandon(script, step)


def _next_node(script: AttemptScript, node_id: str, output: str) -> str | None:
    if node_id == "update-contact" and script.dice.chance(_WEBHOOK_SHARE):
        return UNPUBLISHED_NODE_ID
    if node_id == UNPUBLISHED_NODE_ID:
        return "hangup-1"
    edge = EXITS.get((node_id, output))
    return None if edge is None else edge[1]
