"""What an attempt costs: exact amounts in billionths, said in every form the contract allows."""

from decimal import Decimal

from services.tooling.traffic.flow import RETIRED_NODE_ID, UNPUBLISHED_NODE_ID
from services.tooling.traffic.ledger import ChargeTruth
from services.tooling.traffic.script import AttemptScript

#: About 4.5 credits a minute, with a rest in the last decimal.
_NETWORK_NANO_PER_MS = 75_019
_PLATFORM_NANO = 2_000_000
_SMS_NANO = 45_000_000
_REFUND_DELAY_US = 3_600_000_000

#: (node type, node id, component) of rarer charges; each takes another way to its row in the
#: billing report (reports.md, Billing): by published node, by seen node, by component, by nothing.
_RARE_KEYS = (
    (None, "play-welcome", "synthesizer"),
    (None, UNPUBLISHED_NODE_ID, None),
    (None, RETIRED_NODE_ID, "llm"),
    (None, RETIRED_NODE_ID, None),
    (None, None, None),
)
_COST_BY_NODE = {
    "record-message": ("record", "record-message", "transcriber"),
    "collect-reason": ("collect_audio", "collect-reason", "llm"),
    "say-vip": (None, "say-vip", "synthesizer"),
    "sms-link": ("sms", "sms-link", None),
    # No step carries this type: its charges themselves are counted.
    "connect-agent": ("carrier_leg", None, "network"),
}


def charge_call(script: AttemptScript, talk_ms: int | None) -> None:
    """The charges of a call that has ended; `talk_ms` None where nobody answered."""
    dice = script.dice
    if talk_ms is None:
        if dice.chance(0.15):
            _charge(script, (None, None, "platform"), _PLATFORM_NANO, None)
            _refund_sometimes(script, _PLATFORM_NANO, share=0.1)
        return
    network_nano = talk_ms * _NETWORK_NANO_PER_MS
    _charge(script, ("dial", "dial-1", "network"), network_nano, talk_ms)
    _charge(script, (None, None, "platform"), _PLATFORM_NANO, None)
    _charge_steps(script)
    if dice.chance(0.1):
        _charge(script, dice.pick(_RARE_KEYS), int(dice.random() * 5_000_000_000), None)
    _refund_sometimes(script, network_nano, share=0.015)


def charge_message(script: AttemptScript) -> None:
    """The charge of a message that was sent outside any call."""
    _charge(script, ("sms", None, None), _SMS_NANO, None)


def charge_lookup(script: AttemptScript) -> None:
    """A number lookup: billed under an attempt of which nothing else was ever said."""
    _charge(script, (None, None, "lookup"), 7, None)


def amount_json(script: AttemptScript, amount_nano: int) -> Decimal | int | str:
    """The amount as JSON carries it: a number or a string, both of them exact."""
    text = f"{abs(amount_nano) // 10**9}.{abs(amount_nano) % 10**9:09d}".rstrip("0").rstrip(".")
    if amount_nano < 0:
        text = f"-{text}"
    if script.dice.chance(0.5):
        return text
    return Decimal(text) if "." in text else int(text)


def _charge_steps(script: AttemptScript) -> None:
    charged: set[str] = set()
    for step in script.ledger.steps:
        keys = _COST_BY_NODE.get(step.node_id)
        if keys is None or step.node_id in charged:
            continue
        charged.add(step.node_id)
        amount_nano = _SMS_NANO if keys[0] == "sms" else int(script.dice.random() * 10**8)
        duration_ms = None if script.dice.chance(0.4) else script.dice.between_us(1, 30)
        _charge(script, keys, amount_nano, duration_ms)


def _refund_sometimes(script: AttemptScript, amount_nano: int, *, share: float) -> None:
    if script.dice.chance(share):
        truth = ChargeTruth("dial", "dial-1", "network", -amount_nano, None)
        script.charge(truth, amount_json(script, -amount_nano), after_us=_REFUND_DELAY_US)


def _charge(
    script: AttemptScript,
    keys: tuple[str | None, str | None, str | None],
    amount_nano: int,
    duration_ms: int | None,
) -> None:
    truth = ChargeTruth(*keys, amount_nano, duration_ms)
    delay_us = script.dice.between_us(300, 9_000)
    script.charge(truth, amount_json(script, amount_nano), after_us=delay_us)
