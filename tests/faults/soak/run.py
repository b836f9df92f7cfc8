"""The soak itself: starts everything, draws faults from the seed, and gathers what was found."""

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from json import loads
from typing import Any

from tests.command_line import run_callfold, start_callfold
from tests.faults.judging import recovery_s
from tests.faults.soak import verdict
from tests.faults.soak.faults import FAULTS, ON_TOP, Stage
from tests.faults.soak.judge import Judge
from tests.faults.soak.publishing import Publishing
from tests.faults.soak.sampling import Sampler
from tests.faults.tally import FaultRow, FaultTally

_PROGRESS_S = 20.0
_CHECKPOINT_S = 600.0
_ON_TOP_SHARE = 0.2
#: Chapters that are judged once more at the end.
_REJUDGED = 12
#: How long each of the last things may take: the judge and rebuilds are nice to others.
_ENDING_S = 1_800.0
_REBUILD = "F22 rebuild beside all"


@dataclass(frozen=True)
class Plan:
    """How a soak shall be."""

    seed: int
    minutes: float = 60.0
    #: Events a second at most; or half of what two projectors fold at first, where that is less.
    rate: float = 3_000.0
    #: O5: seconds after a fault until all that Redis held by then is folded.
    recovery_s: float = 60.0
    #: Of each organization, in each chapter.
    contacts: int = 270
    #: Mean seconds between the recovery from one fault and the next.
    calm_s: float = 6.0
    #: How many times the generation is built anew, in equal parts of the time.
    rebuilds: int = 3

    @property
    def command(self) -> str:
        """What runs the same again."""
        return (
            f"python -m tests.faults.soak --seed {self.seed} --minutes {self.minutes:g}"
            f" --rate {self.rate:g} --recovery-s {self.recovery_s:g}"
        )


class SoakFailedError(AssertionError):
    """Something did not hold; the message says what."""


class Soak:
    """One run over a stage that is up."""

    def __init__(
        self, plan: Plan, stage: Stage, judge: Judge, traffic: Publishing, sampler: Sampler
    ) -> None:
        """Everything runs; nothing was broken yet."""
        self.tally = FaultTally()
        self.judged_events = self.judged = self.injected = 0
        self.complaints: list[str] = []
        self._plan = plan
        self._stage = stage
        self._judge = judge
        self._traffic = traffic
        self._sampler = sampler
        self._chance = random.Random(f"faults {plan.seed}")
        self._began_s = time.monotonic()
        self._said_s = 0.0
        self._rebuild: subprocess.Popen[str] | None = None
        self._rebuilds = 0

    def run(self, say: Callable[[str], None]) -> None:
        """Break things until the time is over, then judge the whole."""
        end_s = 60 * self._plan.minutes
        checkpoint_s = _CHECKPOINT_S
        self._sampler.start()
        self._traffic.start(self._judge.hand)
        while self._now_s() < end_s:
            self._wait(self._chance.expovariate(1 / self._plan.calm_s), say)
            self._inject(say)
            self._look_at_rebuild(self._now_s() / end_s, say)
            if self._now_s() > checkpoint_s:
                checkpoint_s += _CHECKPOINT_S
                self._require(verdict.sums_complaints(self._stage.running.database_url))
                say("checkpoint: tallies are the sums of their contributions")
        self._finish(say)

    def _now_s(self) -> float:
        return time.monotonic() - self._began_s

    def _wait(self, seconds: float, say: Callable[[str], None]) -> None:
        end_s = time.monotonic() + seconds
        while True:
            self._check()
            if time.monotonic() - self._said_s > _PROGRESS_S:
                self._said_s = time.monotonic()
                say(self._progress())
            if time.monotonic() >= end_s:
                return
            time.sleep(min(0.5, max(0.0, end_s - time.monotonic())))

    def _progress(self) -> str:
        sample = self._sampler.last
        return (
            f"{self._traffic.entries:,} entries, chapters {self._traffic.chapters}"
            f" ({self.judged} judged), faults {self.injected}, elder"
            f" {sample('projector MB'):.0f} MB, redis {sample('redis MB'):.0f} MB,"
            f" connections {sample('connections'):.0f}, refused {self._traffic.refused}"
        )

    def _check(self) -> None:
        """Take the judge's verdicts; whoever should live must live."""
        for found in self._judge.verdicts():
            self.judged += 1
            self.judged_events += found.events
            self._require([] if found.complaint is None else [found.complaint])
        if self._traffic.failed is not None:
            raise self._traffic.failed
        self._require(self._sampler.wrong)
        for process in self._stage.running.processes:
            if process.poll() is not None:
                self._require([f"{process.args!r} ended with {process.returncode}"])

    def _require(self, complaints: Iterator[str] | list[str]) -> None:
        self.complaints += complaints
        if self.complaints:
            raise SoakFailedError("\n".join(self.complaints[:20]))

    def _inject(self, say: Callable[[str], None]) -> None:
        names = [
            self._chance.choices(list(FAULTS), [weight for _, _, weight in FAULTS.values()])[0]
        ]
        if self._chance.random() < _ON_TOP_SHARE:
            names += {self._chance.choice(ON_TOP)} - {*names}
        shortest_s, longest_s = FAULTS[names[0]][1]
        lasts_s = self._chance.uniform(shortest_s, longest_s)
        before = self._traffic.entries
        say(f"{' + '.join(names)} for {lasts_s:.1f} s")
        with ExitStack() as open_faults:
            for name in names:
                open_faults.enter_context(FAULTS[name][0](self._stage))
            time.sleep(lasts_s)
        recovered_s = recovery_s(self._stage.running, self._plan.recovery_s)
        say(f"recovered in {recovered_s:.1f} s")
        row = FaultRow(1, 1, self._traffic.entries - before, recoveries_s=[recovered_s])
        for name in names:
            self.injected += 1
            self.tally.add(name, row)

    def _look_at_rebuild(self, share: float, say: Callable[[str], None]) -> None:
        """Begin one when this share of the time makes it due, and see what became of it."""
        if self._rebuild is None:
            if self._rebuilds + 0.3 < min(share, 0.9) * self._plan.rebuilds:
                say("a rebuild begins")
                self._rebuild = start_callfold(
                    "rebuild", "--json", "--processes", "1",
                    database_url=self._stage.running.database_url,
                    redis_url=self._stage.running.redis_url,
                )  # fmt: skip
        elif self._rebuild.poll() is not None:
            self._rebuild_ended(say)

    def _rebuild_ended(self, say: Callable[[str], None]) -> None:
        assert self._rebuild is not None
        output, errors = self._rebuild.communicate()
        code, self._rebuild = self._rebuild.returncode, None
        if code == 1:  # PostgreSQL died under it: the next one goes on
            say(f"rebuild was cut short: {errors.strip()[-200:]}")
            return
        outcome: dict[str, Any] = loads(output or "{}")
        if code != 0 or not outcome["switched"]:
            self._require([f"rebuild ended with {code}: {output[-2000:]} {errors[-2000:]}"])
        say(f"rebuilt {outcome['events']:,} events into generation {outcome['generation']}, equal")
        self.tally.add(_REBUILD, FaultRow(1, 1, outcome["events"]))
        self._drop(outcome["liveBefore"])
        self._rebuilds += 1

    def _drop(self, generation: int) -> None:
        """What was live before is not followed for ever."""
        done = run_callfold(
            "drop", str(generation),
            database_url=self._stage.running.database_url,
            redis_url=self._stage.running.redis_url,
        )  # fmt: skip
        self._require([] if done.returncode == 0 else [f"drop: {done.stderr}"])

    def _finish(self, say: Callable[[str], None]) -> None:
        """All is settled and judged, a sample of old chapters again, then the whole."""
        say("no more faults; the rest is folded")
        self._traffic.stop(patience_s=_ENDING_S)
        self._stage.running.wait_until_folded(_ENDING_S)
        if self._rebuild is not None:
            say("the rebuild goes on to its end")
            self._rebuild.wait(timeout=_ENDING_S)
            self._rebuild_ended(say)
        chapters = self._traffic.chapters
        for number in self._chance.sample(range(chapters), min(_REJUDGED, chapters)):
            self._judge.hand(number)
        wanted = chapters + min(_REJUDGED, chapters)
        say(f"{wanted - self.judged} chapters are still to be judged")
        deadline_s = self._now_s() + _ENDING_S
        while self.judged < wanted and self._now_s() < deadline_s:
            self._wait(1.0, say)
        self._require([] if self.judged == wanted else ["the judge did not come to an end"])
        self._sampler.stop()
        database_url = self._stage.running.database_url
        self.complaints += verdict.sums_complaints(database_url)
        self.complaints += verdict.count_complaints(database_url, chapters)
        self._require(list(verdict.flatness_complaints(self._sampler)))

    def lines(self) -> Iterator[str]:
        """What was published, judged and seen, for people."""
        sampler = self._sampler
        yield from self.tally.lines()
        yield (
            f"{self._traffic.entries:,} entries published, {self.judged_events:,} events judged in"
            f" {self.judged} chapters, {self._traffic.refused} parts refused and sent again"
        )
        yield f"leases looked at {sampler.looks:,} times: {sampler.moves} moves, no two owners"
        yield f"the largest projector held {sampler.largest_mb:.0f} MB"
        yield from sampler.lines()

    def summary(self) -> dict[str, Any]:
        """The same as data."""
        return {
            "entries": self._traffic.entries,
            "chapters": self._traffic.chapters,
            "judged": self.judged,
            "judgedEvents": self.judged_events,
            "partsRefused": self._traffic.refused,
            "leaseMoves": self._sampler.moves,
            "largestProjectorMb": round(self._sampler.largest_mb, 1),
            "faults": {name: asdict(row) for name, row in self.tally.rows()},
            "series": {name: asdict(one) for name, one in self._sampler.series.items()},
        }
