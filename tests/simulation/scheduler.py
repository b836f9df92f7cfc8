"""Virtual time, and threads of which exactly one runs: a seed decides which, and when.

Each simulated thread is a thread of the machine that waits for its baton. Whoever waits (for time,
an event, a queue, a join) hands the baton to the thread that is due next, so any interleaving of
the points at which threads wait can happen, and does so again from the same seed.
"""

from _thread import allocate_lock
from collections.abc import Callable
from heapq import heappop, heappush
from queue import SimpleQueue
from random import Random
from threading import Event, Thread
from typing import Any

_FOREVER_S = float("inf")


class Killed(BaseException):
    """Raised in every thread of a simulated process that was killed; no `except` may stop it."""


class SimulationStuckError(Exception):
    """The world did not come to rest within its bounds."""


class Lives:
    """Whether the threads of one simulated process may run."""

    def __init__(self) -> None:
        self.killed = False
        self.threads: list[SimulatedThread] = []
        #: Stopped until then, as by SIGSTOP.
        self.frozen_until_s = 0.0


class SimulatedThread(Thread):
    """A thread of the machine that runs only while it holds the baton."""

    def __init__(
        self, scheduler: "Scheduler", lives: Lives, target: Callable[[], None], name: str
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._scheduler = scheduler
        self.lives = lives
        lives.threads.append(self)
        self._body = target
        self.baton = allocate_lock()
        self.baton.acquire()
        #: Which entry of the agenda is the thread's; the others are outdated.
        self.ticket = 0
        self.finished = SimulatedEvent(scheduler)

    def start(self) -> None:
        """Be due from now on."""
        super().start()
        self._scheduler.due(self, 0.0)

    def run(self) -> None:
        """Wait for the baton, then run; a failure is the simulation's."""
        self.baton.acquire()
        try:
            if not self.lives.killed:
                self._body()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 -- told where the simulation waits for it
            self._scheduler.failures.append(error)
        self.finished.set()
        self._scheduler.leave()

    def join(self, timeout: float | None = None) -> None:
        """Wait in simulated time until the thread has ended."""
        self.finished.wait(timeout)


class Scheduler:
    """The agenda of all simulated threads; the thread that makes it is one of them."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.now_s = 0.0
        self.switches = 0
        self.failures: list[BaseException] = []
        self._agenda: list[tuple[float, float, int, SimulatedThread]] = []
        self._tickets = 0
        self.current = SimulatedThread(self, Lives(), lambda: None, "director")

    def thread(self, lives: Lives, target: Callable[[], None], name: str) -> SimulatedThread:
        """A thread of a process, not started."""
        return SimulatedThread(self, lives, target, name)

    def due(self, thread: SimulatedThread, in_s: float) -> None:
        """Let a thread run after so long; what was planned for it before is void."""
        self._tickets += 1
        thread.ticket = self._tickets
        # Who is due at the same instant goes in an order that the seed decides.
        place = (self.now_s + in_s, self.chance.random(), thread.ticket, thread)
        heappush(self._agenda, place)

    def sleep(self, seconds: float) -> None:
        """Let the current thread wait; others run meanwhile.

        Raises:
            Killed: its process is dead by then.
        """
        mine = self.current
        if seconds == _FOREVER_S:
            mine.ticket = 0
        else:
            self.due(mine, seconds)
        following = self._next()
        if following is not mine:
            self.switches += 1
            following.baton.release()
            mine.baton.acquire()
        if mine.lives.killed:
            raise Killed

    def leave(self) -> None:
        """Hand the baton on for good: the current thread ends."""
        self._next().baton.release()

    def kill(self, lives: Lives) -> None:
        """End all threads of a process where they stand; each notices at its turn, which is now."""
        lives.killed = True
        for thread in lives.threads:
            if thread is not self.current and not thread.finished.is_set():
                self.due(thread, 0.0)

    def _next(self) -> SimulatedThread:
        agenda = self._agenda
        while True:
            at_s, _, ticket, thread = heappop(agenda)
            if thread.ticket != ticket:
                continue
            lives = thread.lives
            if lives.frozen_until_s > at_s and not lives.killed:
                self.now_s = max(self.now_s, at_s)
                self.due(thread, lives.frozen_until_s - self.now_s)
                continue
            self.now_s = max(self.now_s, at_s)
            self.current = thread
            return thread


class SimulatedEvent(Event):
    """An event whose waiting takes simulated time."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._waiting: list[SimulatedThread] = []

    def set(self) -> None:
        """Wake all who wait."""
        super().set()
        for thread in self._waiting:
            self._scheduler.due(thread, 0.0)
        self._waiting.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or so many simulated seconds."""
        if not self.is_set():
            mine = self._scheduler.current
            self._waiting.append(mine)
            try:
                self._scheduler.sleep(_FOREVER_S if timeout is None else timeout)
            finally:
                if mine in self._waiting:
                    self._waiting.remove(mine)
        return self.is_set()


class SimulatedQueue(SimpleQueue[Any]):
    """A queue whose waiting takes simulated time."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__()
        self._filled = SimulatedEvent(scheduler)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item; never waits."""
        super().put(item, block, timeout)
        self._filled.set()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the oldest item; waits for one, else raises queue.Empty."""
        if block and self.empty():
            self._filled.clear()
            self._filled.wait(timeout)
        return self.get_nowait()
