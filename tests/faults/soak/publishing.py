"""Publishes chapter after chapter at a steady rate, whatever is away; a thread of the soak.

What is refused or unanswered is published again until it is acknowledged. What follows a chapter
is published when the chapter is folded, so that the first content of an id is known.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event as Signal
from threading import Thread
from typing import Any

import httpx
import psycopg
import redis

from services.tooling.traffic import to_json
from shared.contracts.stream_names import INBOX_LANE, lane_stream
from shared.delivery.connection import redis_client
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.api_keys import create_api_key
from shared.storage.connection import connect
from tests.faults.soak.chapters import Chapter, Event, make_chapter
from tests.installation import CERTIFICATES, Installation, live
from tests.whole_system import ORGANIZATIONS, publish

Heads = dict[int, tuple[int, int]]

_PART = 200
#: Of the parts so many go through ingest.
_OVER_HTTP = 0.05
_PAUSE_S = 0.1
#: How far behind its rate the traffic may fall; after a long outage the rest is not made up for.
_BEHIND_MOST_S = 5.0
_LOOK_S = 0.5


@dataclass
class _Settling:
    """A chapter on its way: folded first, then what follows is published and folded."""

    number: int
    #: Published when the chapter is folded; None once it was.
    follows: Chapter | None
    heads: Heads
    #: The inbox moves entries on: heads are taken a second time when the first are reached.
    hops_left: int = 1


class Publishing:
    """Publishes in a thread."""

    def __init__(self, running: Installation, seed: int, contacts: int, rate_per_s: float) -> None:
        """Nothing is published yet."""
        self.chapters = 0
        #: Published, duplicates included.
        self.entries = 0
        #: Parts that were refused or unanswered, and so published again.
        self.refused = 0
        self.failed: BaseException | None = None
        self._running = running
        self._seed = seed
        self._contacts = contacts
        self.rate_per_s = rate_per_s
        self._settled: Callable[[int], None] = lambda _number: None
        self._chance = random.Random(f"publishing {seed}")
        self._settling: list[_Settling] = []
        self._due_s = self._looked_s = 0.0
        self._keys = {
            name: create_api_key(running.database_url, name, ("publish",), "soak")
            for name in ORGANIZATIONS
        }
        self._stopping = Signal()
        self._thread = Thread(target=self._run, name="publishing", daemon=True)

    def preload(self, chapters: int) -> int:
        """Publish some chapters as fast as can be; returns how many entries that were."""
        before, rate_per_s = self.entries, self.rate_per_s
        self.rate_per_s = float("inf")
        for _ in range(chapters):
            self._next_chapter(http=False)
        self.rate_per_s = rate_per_s
        return self.entries - before

    def start(self, settled: Callable[[int], None]) -> None:
        """Publish until told to stop; `settled` is told each chapter of which all is folded."""
        self._settled = settled
        self._due_s = time.monotonic()
        self._thread.start()

    def stop(self, patience_s: float) -> None:
        """Begin no further chapter; wait until all are settled."""
        self._stopping.set()
        self._thread.join(patience_s)
        assert not self._thread.is_alive(), f"not all is settled after {patience_s:.0f} s"

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._next_chapter(http=True)
            while self._settling:
                self._look()
                time.sleep(_PAUSE_S)
        except BaseException as error:  # noqa: BLE001 -- the soak ends with it
            self.failed = error

    def _next_chapter(self, *, http: bool) -> None:
        chapter = make_chapter(self._seed, self.chapters, self._contacts)
        for part in _parts(chapter.events):
            if http and self._chance.random() < _OVER_HTTP:
                self._insist(lambda part=part: self._post(part))  # type: ignore[misc]
            else:
                self._publish(part)
            self._pace(len(part))
        self._insist(lambda: self._add(chapter.bad))
        self._settling.append(_Settling(chapter.number, chapter, self._heads()))
        self.chapters += 1

    def _publish(self, part: list[Event]) -> None:
        seed = self._chance.getrandbits(32)
        self._insist(lambda: publish(self._running.redis_url, part, seed))

    def _pace(self, events: int) -> None:
        self.entries += events
        self._look()
        now_s = time.monotonic()
        self._due_s = max(self._due_s, now_s - _BEHIND_MOST_S) + events / self.rate_per_s
        time.sleep(max(0.0, self._due_s - now_s))

    def _insist(self, send: Callable[[], None]) -> None:
        while True:
            try:
                send()
            except (redis.RedisError, OSError, httpx.TransportError):
                self.refused += 1
                time.sleep(_PAUSE_S)
            else:
                return

    def _add(self, bad: list[tuple[str, list[bytes]]]) -> None:
        client: Any = redis_client(self._running.redis_url)
        for stream, fields in bad:
            client.execute_command("XADD", stream, "*", *fields)
        client.close()

    def _post(self, part: list[Event]) -> None:
        """A batch of each organization over HTTP.

        Raises:
            OSError: ingest asks for it again.
        """
        for organization_id, key in self._keys.items():
            own = [to_json(e) for e in part if e["organizationid"] == organization_id]
            answer = httpx.post(
                f"{self._running.ingest_url}/v1/events",
                content=b"[" + b",".join(own) + b"]",
                headers={"x-api-key": key, "content-type": "application/cloudevents-batch+json"},
                timeout=20,
                verify=CERTIFICATES,
            )
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                raise OSError(answer.text)
            assert answer.status_code == httpx.codes.ACCEPTED, answer.text

    def _heads(self) -> Heads:
        """Lane → its newest entry; insists."""
        found: Heads = {}

        def ask() -> None:
            client: Any = redis_client(self._running.redis_url)
            for lane in (INBOX_LANE, *range(PARTITIONS_DEFAULT)):
                for entry_id, _ in client.xrevrange(lane_stream(lane), count=1):
                    ms, _, seq = entry_id.decode().partition("-")
                    found[lane] = int(ms), int(seq)
            client.close()

        self._insist(ask)
        return found

    def _look(self) -> None:
        """Go on with chapters that are folded, now and then."""
        now_s = time.monotonic()
        if not self._settling or now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        positions = self._positions()
        for one in list(self._settling):
            if any(positions.get(lane, (0, 0)) < head for lane, head in one.heads.items()):
                return  # those behind it are not folded either
            if one.hops_left:
                one.hops_left, one.heads = 0, self._heads()
            elif one.follows is not None:
                for part in _parts(one.follows.later):
                    self._publish(part)
                self._publish(one.follows.conflicts)
                one.follows, one.hops_left, one.heads = None, 1, self._heads()
            else:
                self._settling.remove(one)
                self._settled(one.number)

    def _positions(self) -> Heads:
        """How far each lane is folded; nothing where PostgreSQL is away."""
        try:
            with connect(self._running.database_url, "soak") as connection:
                rows = connection.execute(
                    f"SELECT lane, ms, seq FROM gen_{live(connection)}.positions"
                ).fetchall()
        except psycopg.Error:
            return {}
        return {lane: (ms, int(seq)) for lane, ms, seq in rows}


def _parts(events: list[Event]) -> Iterator[list[Event]]:
    return (events[start : start + _PART] for start in range(0, len(events), _PART))
