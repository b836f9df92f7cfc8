"""Keys that callers press: the menu, the account number, and too early."""

from services.tooling.traffic.script import AttemptScript
from services.tooling.traffic.steps import OpenStep

_TIMEOUT_SHARE = 0.10
_INVALID_SHARE = 0.08
_EARLY_SHARE = 0.03
_SECOND_PRESS_SHARE = 0.03
_SHORT_ACCOUNT_SHARE = 0.4
#: Weighted by repetition: 9 repeats the menu.
_MENU_KEYS = "1111111122233309"


def choose(script: AttemptScript, step: OpenStep) -> str:
    """The main menu: one key, an invalid one, or none in time."""
    dice = script.dice
    script.wait(1_200, 6_000)
    if dice.chance(_TIMEOUT_SHARE):
        if dice.chance(0.3):
            # Some platforms report that nothing came; it is no input (reports.md, Node stats).
            _press(script, step, "")
        return "onTimeout"
    if dice.chance(_INVALID_SHARE):
        digits = dice.pick("4568*#")
        _press(script, step, digits)
        script.ledger.digits.append((step.node_id, digits))
        return "onInvalid"
    digits = key = dice.pick(_MENU_KEYS)
    _press(script, step, digits, f"branch_{key}")
    if dice.chance(_SECOND_PRESS_SHARE):
        # `digits` is the whole input so far, so the second press repeats the first.
        digits += key
        script.wait(80, 300)
        _press(script, step, digits, f"branch_{key}")
    script.ledger.digits.append((step.node_id, digits))
    return f"branch_{key}"


def enter_account(script: AttemptScript, step: OpenStep) -> str:
    """An account number, reported as it grows; some accounts have 4 digits only."""
    dice = script.dice
    short = dice.chance(_SHORT_ACCOUNT_SHARE)
    number = str(1_000 + dice.getrandbits(7)) if short else str(10**8 + dice.getrandbits(27))
    script.wait(1_000, 2_500)
    if dice.chance(0.5):
        _press(script, step, number[:3])
        script.wait(600, 2_500)
    _press(script, step, number)
    script.ledger.digits.append((step.node_id, number))
    return "onComplete"


def press_early(script: AttemptScript, step: OpenStep) -> str:
    """A key during the welcome: the node is no menu, so no report counts it as a choice."""
    if script.dice.chance(_EARLY_SHARE):
        script.wait(300, 1_500)
        _press(script, step, "1")
    return "onComplete"


def _press(script: AttemptScript, step: OpenStep, digits: str, branch: str | None = None) -> None:
    data = {**step.place, "digits": digits}
    if branch is not None:
        data["branch"] = branch
    script.say("dtmf.received", data)
