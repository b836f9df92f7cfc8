"""F27 in small: the driver of `make soak` with a few of its faults."""

from pathlib import Path

import pytest

from tests.faults.soak.run import Plan
from tests.faults.soak.setting_up import prepared
from tests.faults.tally import FaultRow, FaultTally


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_minute_of_random_faults_loses_and_doubles_nothing(
    tmp_path: Path, tally: FaultTally
) -> None:
    """Injected: whatever seed 5 draws within a minute. Judged: every execution, log, sums, counts.

    Each chapter is compared with the model when it is settled, some of them again at the end.
    """
    plan = Plan(seed=5, minutes=1, rate=1_000, contacts=40, calm_s=2.0, rebuilds=0)
    said: list[str] = []
    with prepared(plan, tmp_path, said.append) as soak:
        soak.run(said.append)

    recoveries_s = [seconds for _, row in soak.tally.rows() for seconds in row.recoveries_s]
    assert soak.injected > 3, "\n".join(said)
    assert soak.judged > 3, "\n".join(said)
    row = FaultRow(1, soak.injected, soak.judged_events, recoveries_s=recoveries_s)
    tally.add("F27 soak", row)
