"""Keeps the leases: renews what is held, takes a fair share, gives back what is too much.

A thread of its own with its own connection, so that a long commit never costs a lease. The engine
reads `held()` at each turn and hands back lanes through `let_go` once nothing of them is under way.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from math import ceil
from threading import Lock

import psycopg
import structlog

from services.projector.health import Health
from services.projector.ports import LeaseTable, Runtime
from shared.contracts.stream_names import INBOX_LANE

_log = structlog.get_logger()
#: Renewals per lease: four may be lost before the lease is.
_BEATS_PER_LEASE = 5
#: How long Redis may answer nothing to this projector before it leaves its lanes to others.
_BLIND_S = 5.0
#: How long the engine may wait for a server before the same; a fold has its own watchdog.
_STUCK_S = 15.0


class LeaseKeeper:
    """The lanes of one projector."""

    def __init__(
        self,
        table: Callable[[], AbstractContextManager[LeaseTable]],
        lanes: int,
        generation: int,
        lease_ms: int,
        health: Health,
        switched: Callable[[], None],
        runtime: Runtime,
    ) -> None:
        """`table` connects; `switched` is told that `generation` is live no more.

        Args:
            lanes: how many there are, of which this projector takes its share.
        """
        self._table = table
        self._generation = generation
        self._switched = switched
        self._monotonic_s = runtime.monotonic_s
        self._all_lanes = lanes
        self._lease_ms = lease_ms
        self._health = health
        self._lock = Lock()
        self._held: dict[int, int] = {}
        self._abandoned = False
        self._unwanted: set[int] = set()
        self._let_go: set[int] = set()
        self._vouched: dict[int, int] = {}
        self._survived: set[int] = set()
        self._deaths: dict[int, int] = {}
        #: Lane → epoch of all that was ours at the last renewal and was not given back since.
        self._owned: dict[int, int] = {}
        #: When it was last seen that some of it is not ours any more; None once that was told.
        self._lapsed_s: float | None = None
        self._breaker: dict[int, str] = {}
        self._renewed_s = 0.0
        self._others = False
        self._read_failed = False
        self._read_s = self._monotonic_s()
        #: Whether lanes are left to others, because a server answers nothing to us.
        self.stands_aside = False
        self._archive_only: set[int] = set()
        self._stopping = runtime.event()
        self._wake = runtime.event()
        self._thread = runtime.thread(self._run, "lease-keeper")

    def start(self) -> None:
        """Begin to take leases."""
        self._thread.start()

    def stop(self) -> None:
        """Give everything back; the engine must have stopped."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout=self._lease_ms / 1000)

    def wake(self) -> None:
        """Look at the leases now: a projector came or went."""
        self._wake.set()

    def abandon(self) -> None:
        """Give nothing back at the end: who takes the lanes then counts it as a death."""
        self._abandoned = True

    def held(self) -> dict[int, int]:
        """Lane → epoch of what may be folded now; empty when the lease may have run out."""
        with self._lock:
            if self._monotonic_s() - self._renewed_s > self._lease_ms / 1000:
                return {}
            return {lane: e for lane, e in self._held.items() if lane not in self._unwanted}

    def archive_only(self) -> set[int]:
        """Lanes whose breaker is open, as of the last renewal."""
        with self._lock:
            return self._archive_only | self._breaker.keys()

    def deaths(self) -> dict[int, int]:
        """Lane → deaths in a row of its owners, as of the last renewal."""
        with self._lock:
            return self._deaths

    def unwanted(self) -> set[int]:
        """Lanes that others should have: finish what is under way, then `let_go`."""
        with self._lock:
            return set(self._unwanted)

    def let_go(self, lanes: set[int]) -> None:
        """Give lanes back: nothing of them is under way any more."""
        with self._lock:
            self._let_go |= lanes
        self._wake.set()

    def doubt(self, lanes: Iterable[int]) -> None:
        """Offer lanes no more before the database has said at which epochs they are held."""
        with self._lock:
            for lane in lanes:
                self._held.pop(lane, None)
        self._wake.set()

    def cannot_read(self) -> None:
        """Note that Redis does not answer: if it goes on so, others may reach it and we not."""
        self._read_failed = True
        self._wake.set()

    def can_read(self) -> None:
        """Note that Redis answered."""
        self._read_failed, self._read_s = False, self._monotonic_s()
        if self.stands_aside:
            self._wake.set()

    def vouch(self, vouched: dict[int, int]) -> None:
        """Note up to which millisecond lanes were seen empty; written at the next beat."""
        with self._lock:
            self._vouched.update(vouched)

    def survived(self, lanes: set[int]) -> None:
        """Note that a batch of these lanes went through."""
        with self._lock:
            self._survived |= lanes

    def open_breaker(self, lanes: set[int], reason: str) -> None:
        """Archive without folding from now on, until an operator releases the lanes."""
        with self._lock:
            self._breaker.update(dict.fromkeys(lanes, reason))
        self._wake.set()

    def _run(self) -> None:
        last_try = False
        while not last_try:
            last_try = self._stopping.is_set()  # what is held is still to be given back
            try:
                with self._table() as lanes:
                    self._health.trouble.pop("leases", None)
                    while not self._stopping.is_set():
                        self._beat(lanes)
                        self._wake.wait(self._lease_ms / 1000 / _BEATS_PER_LEASE)
                        self._wake.clear()
                    self._leave(lanes)
                    return
            except psycopg.Error as error:
                words = str(error).strip().split("\n")[0]
                # Its own word: the engine's connection may fail before this one, or after it.
                self._health.trouble["leases"] = words
                _log.warning("database away", part="leases", error=words)
                self._stopping.wait(1.0)

    def _beat(self, lanes: LeaseTable) -> None:
        started_s = self._monotonic_s()
        self._give_back(lanes)
        with self._lock:
            breaker = dict(self._breaker)
        for lane, reason in breaker.items():
            lanes.open_breaker([lane], reason)
        share = self._share(lanes)
        found = lanes.renew()
        if any(found.epochs.get(lane) != epoch for lane, epoch in self._owned.items()):
            self._lapsed_s = started_s
        if len(found.epochs) < share:
            taken = lanes.take(share - len(found.epochs), self._generation)
            if taken:
                found = lanes.renew()  # says which of the new ones only archive
                _log.info("lanes taken", lanes=sorted(taken), held=len(found.epochs))
        held = found.epochs
        with self._lock:
            self._held, self._renewed_s = held, started_s
            self._owned = dict(held)
            self._archive_only, self._deaths = found.archive_only, found.deaths
            self._unwanted = set(sorted(held, reverse=True)[: max(0, len(held) - share)])
            vouched, self._vouched = self._vouched, {}
            survived, self._survived = self._survived, set()
            self._breaker = {k: v for k, v in self._breaker.items() if k not in breaker}
        if vouched:
            lanes.vouch(vouched)
        if survived:
            lanes.survived(sorted(survived))
        if self._lapsed_s is not None and self._health.engine_beat_s > self._lapsed_s:
            # Our engine moved since: whoever took our lanes was wrong to think that we died.
            lanes.still_alive()
            self._lapsed_s = None
        if lanes.live_generation() != self._generation:
            self._switched()
        self._health.lanes = tuple(sorted(held))
        self._health.leases_known = True

    def _share(self, lanes: LeaseTable) -> int:
        """How many lanes we should have, said to be alive; 0 while others can fold and we not."""
        now_s = self._monotonic_s()
        blind = self._read_failed and now_s - self._read_s > _BLIND_S
        stuck = not self._health.folding and now_s - self._health.engine_beat_s > _STUCK_S
        if self._others and (blind or stuck):
            if not self.stands_aside:
                why = "no server answers the engine" if stuck else "redis away for this projector"
                _log.warning(f"{why}, leaving its lanes to others")
                lanes.leave()
            if stuck:  # it cannot let go; what it commits yet is fenced
                lanes.release(self._every_lane())
                self._owned = {}
            self.stands_aside = True
            return 0
        self.stands_aside = False
        projectors = lanes.beat()
        self._others = projectors > 1
        return ceil(self._all_lanes / projectors)

    def _give_back(self, lanes: LeaseTable) -> None:
        with self._lock:
            giving, self._let_go = sorted(self._let_go), set()
            for lane in giving:
                self._held.pop(lane, None)
                self._owned.pop(lane, None)
                self._unwanted.discard(lane)
        if giving:
            lanes.release(giving)
            _log.info("lanes given back", lanes=giving)

    def _leave(self, lanes: LeaseTable) -> None:
        with self._lock:
            self._held = {}
        if not self._abandoned:
            # All that are ours, also where the reply to a `take` was lost.
            lanes.release(self._every_lane())
        lanes.leave()

    def _every_lane(self) -> list[int]:
        return list(range(INBOX_LANE, INBOX_LANE + self._all_lanes))
