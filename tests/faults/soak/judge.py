"""Judges settled chapters beside the soak, in a process of its own and of low priority.

Of each chapter: the log holds exactly the events that were published, each entry once and in
order (O2), and every report equals the reference model's (O1). Memory is 8 bytes an event.
"""

import os
import time
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import httpx
import psycopg
from xxhash import xxh3_64_intdigest

from shared.contracts.entries import decode_kept
from shared.errors import ContractError, StorageError
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.log import Log
from tests.faults.soak.chapters import Chapter, Identity, chapter_of, identity, make_chapter
from tests.installation import Installation
from tests.whole_system import assert_equals_model, reference

T = TypeVar("T")

_NICE = 10
_PATIENCE_S = 90.0
_PAUSE_S = 0.3


@dataclass(frozen=True)
class Asked:
    """What the judge needs to know."""

    redis_url: str
    database_url: str
    read_api_urls: tuple[str, ...]
    seed: int
    contacts: int


@dataclass(frozen=True)
class Judged:
    """What the judge found of one chapter; `complaint` is None where all is as it must be."""

    number: int
    events: int
    complaint: str | None


class Judge:
    """The other end of the pipe: hand over chapters, take verdicts."""

    def __init__(self, asked: Asked) -> None:
        """Start the process."""
        context = get_context("spawn")
        self._pipe, child = context.Pipe()
        self._process = context.Process(target=_run, args=(child, asked), daemon=True)
        self._process.start()
        child.close()

    def hand(self, number: int) -> None:
        """A chapter is settled: judge it. Again, if it was judged before."""
        self._pipe.send(number)

    def verdicts(self) -> Iterator[Judged]:
        """Those that are there."""
        while self._pipe.poll():
            yield self._pipe.recv()

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def stop(self) -> None:
        """End the process; nothing of it is waited for."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


class _Patient(Installation):
    """Asks again while PostgreSQL or the read API is away."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked.redis_url, asked.database_url)
        self._keys: dict[str, str] = {}

    def key(self, organization_id: str) -> str:
        if organization_id not in self._keys:
            make = super().key
            self._keys[organization_id] = _patiently(lambda: make(organization_id))
        return self._keys[organization_id]

    def get(self, key: str, execution_id: str, path: str) -> tuple[int, Any]:
        ask = super().get

        def asked() -> tuple[int, Any]:
            answer = ask(key, execution_id, path)
            if answer[0] == httpx.codes.SERVICE_UNAVAILABLE:
                raise OSError(answer[1])
            return answer

        return _patiently(asked)


class _Log:
    """Which events of which chapter the log holds, read on from where it was read to."""

    def __init__(self, asked: Asked) -> None:
        self._database_url = asked.database_url
        self._read = dict.fromkeys(range(PARTITIONS_DEFAULT), (0, 0))
        #: Chapter → hashes of what the log holds, until the chapter is judged.
        self._open: defaultdict[int, set[int]] = defaultdict(set)
        #: Chapter → hashes of its events, sorted.
        self._closed: dict[int, array[int]] = {}

    def judge(self, chapter: Chapter) -> int:
        """Compare; returns how many events the chapter has."""
        _patiently(self._read_on)
        expected = {_hash(identity(event)) for event in chapter.accepted()}
        if chapter.number not in self._closed:
            held = self._open.pop(chapter.number, set())
            assert not expected - held, f"lost {len(expected - held)} events"
            assert not held - expected, f"{len(held - expected)} events were never published"
            self._closed[chapter.number] = array("Q", sorted(expected))
        return len(expected)

    def _read_on(self) -> None:
        with connect(self._database_url, "soak judge") as connection:
            log = Log(connection, PARTITIONS_DEFAULT)
            for partition in self._read:
                for entries in log.entries(partition, self._read[partition]):
                    self._take(partition, entries)

    def _take(self, partition: int, entries: list[Any]) -> None:
        before = self._read[partition]
        for ms, seq, mode, kept, _ in entries:
            assert before < (ms, seq), f"partition {partition}: {ms}-{seq} comes after {before}"
            before = (ms, seq)
            try:
                event = decode_kept(mode, kept)
            except ContractError:
                continue  # what is bad is counted where it is parked
            self._note(
                chapter_of(event.source),
                _hash((event.organizationid, event.subject, event.source, event.id)),
            )
        self._read[partition] = before

    def _note(self, number: int, hashed: int) -> None:
        closed = self._closed.get(number)
        if closed is None:
            self._open[number].add(hashed)
            return
        at = bisect_left(closed, hashed)
        assert at < len(closed), f"chapter {number}: an event was never published"
        assert closed[at] == hashed, f"chapter {number}: an event was never published"


def _run(pipe: Connection, asked: Asked) -> None:
    """The process: judges until it is killed."""
    os.nice(_NICE)
    running, log = _Patient(asked), _Log(asked)
    while True:
        number = pipe.recv()
        running.read_api_url = asked.read_api_urls[number % len(asked.read_api_urls)]
        chapter = make_chapter(asked.seed, number, asked.contacts)
        events, complaint = 0, None
        try:
            events = log.judge(chapter)
            assert_equals_model(running, reference(list(chapter.accepted())))
        except Exception as error:  # noqa: BLE001 -- whatever it is, the soak failed
            complaint = f"chapter {number}: {type(error).__name__}: {error}"
        pipe.send(Judged(number, events, complaint))


def _patiently(ask: Callable[[], T]) -> T:
    """The answer of a server that may be away for a while."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return ask()
        except (psycopg.OperationalError, httpx.TransportError, StorageError, OSError):
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_PAUSE_S)


def _hash(identified: Identity) -> int:
    return xxh3_64_intdigest("\n".join(identified).encode())


@contextmanager
def judging(asked: Asked) -> Iterator[Judge]:
    """A judge that is gone afterwards."""
    judge = Judge(asked)
    try:
        yield judge
    finally:
        judge.stop()
