"""`python -m tests.faults.armed_projector`: a projector that signals itself at a named point.

Started by the tests of F1 and F13 with the settings of `crash_points.settings_of`.
"""

import os
import signal
import sys
import time
from pathlib import Path

from services.projector import stream_keeper
from services.projector.__main__ import main
from shared.storage import commits
from tests.faults.crash_points import CRASH_POINTS, arm, note

#: Streams are looked after this often, where a projector does it each few seconds.
_KEEP_EVERY_S = 0.2
#: A signal may reach another thread first; this one must not go on meanwhile.
_TAKES_EFFECT_S = 0.5


def armed() -> int:
    """Arm the point that the environment names, then run."""
    name = os.environ["CALLFOLD_CRASH_POINT"]
    file = Path(os.environ["CALLFOLD_CRASH_FILE"])
    number = signal.Signals[os.environ["CALLFOLD_CRASH_SIGNAL"]]

    def at_the_point() -> None:
        note(file, name)
        os.kill(os.getpid(), number)
        time.sleep(_TAKES_EFFECT_S)

    stream_keeper._EVERY_S = _KEEP_EVERY_S
    commits.AT_ONCE_EVENTS_MAX = int(os.environ["CALLFOLD_CRASH_AT_ONCE"])
    arm(CRASH_POINTS[name], int(os.environ["CALLFOLD_CRASH_PASSAGE"]), at_the_point)
    return main()


if __name__ == "__main__":
    sys.exit(armed())
