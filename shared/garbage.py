"""Python's garbage collector, for processes that fold."""

import gc


def collect_rarely() -> None:
    """Spare what lives long, and look seldom: states are built and dropped by the million."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 1000)
