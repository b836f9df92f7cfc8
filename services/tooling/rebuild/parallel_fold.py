"""Folds the log into a generation by several processes, each taking one partition after the other.

Subjects never leave their partition, so the processes share nothing but rows of tallies. Each
transaction moves the fold position with what it folds: whatever is killed, the next run goes on.
"""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from queue import Empty
from threading import Thread
from typing import NamedTuple

import psycopg

from shared.errors import CallfoldError, GenerationError
from shared.garbage import collect_rarely
from shared.limits import REBUILD_BATCH_EVENTS, REBUILD_BATCH_SUBJECTS
from shared.storage.connection import connect
from shared.storage.following import LogFollower
from shared.storage.rebuilding import wait_for_no_disk

#: States of calls that go on into the next transaction.
_CACHE_BYTES = 64 * 1024 * 1024
_LOOK_S = 0.2


class _Said(NamedTuple):
    """What a process says: events of one transaction; with an error it is its last word."""

    events: int
    error: str | None = None


def fold_in_parallel(
    database_url: str,
    generation: int,
    partitions: int,
    waiting: Mapping[int, int],
    processes: int,
    folded: Callable[[int], None],
) -> None:
    """Fold all that live has folded by now of the lanes in `waiting`, whose events it counts.

    `folded` is called a few times a second with the events folded since the last call.

    Raises:
        GenerationError: a process failed or died; what the others committed stands.
    """
    context = get_context("spawn")
    lanes: Queue[int] = context.Queue()
    said: Queue[_Said] = context.Queue()
    # The longest first, so that all end at about the same time.
    for lane in sorted(waiting, key=lambda lane: waiting[lane], reverse=True):
        lanes.put(lane)
    workers = [
        context.Process(
            target=_work, args=(database_url, generation, partitions, lanes, said), daemon=True
        )
        for _ in range(min(processes, len(waiting)))
    ]
    for worker in workers:
        worker.start()
    try:
        _watch(workers, said, folded)
    finally:
        for worker in workers:
            worker.kill()  # a transaction under way is rolled back
            worker.join()


def _watch(
    workers: Sequence[BaseProcess], said: "Queue[_Said]", folded: Callable[[int], None]
) -> None:
    while True:
        ended = [worker for worker in workers if worker.exitcode is not None]
        events = 0
        with suppress(Empty):
            while True:
                word = said.get(timeout=_LOOK_S)
                if word.error is not None:
                    raise GenerationError(f"{word.error}; mend that and run the rebuild again")
                events += word.events
        folded(events)
        for worker in ended:
            if worker.exitcode:
                raise GenerationError(
                    f"a process that folded ended with code {worker.exitcode} (-9: killed, perhaps"
                    " for want of memory); run the rebuild again, it goes on where it stood"
                )
        if len(ended) == len(workers):
            return


def _work(
    database_url: str,
    generation: int,
    partitions: int,
    lanes: "Queue[int]",
    said: "Queue[_Said]",
) -> None:
    """One process: folds partition after partition until none is left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    Thread(target=_end_with_parent, daemon=True).start()
    collect_rarely()
    try:
        with (
            connect(database_url, "rebuild reads") as reading,
            connect(database_url, "rebuild writes") as writing,
        ):
            wait_for_no_disk(writing)
            follower = LogFollower(
                reading,
                writing,
                partitions,
                generation,
                batch_events=REBUILD_BATCH_EVENTS,
                batch_subjects=REBUILD_BATCH_SUBJECTS,
                cache_bytes=_CACHE_BYTES,
                bulk=True,
            )
            with suppress(Empty):
                while True:
                    for events in follower.follow([lanes.get(timeout=_LOOK_S)]):
                        said.put(_Said(events))
    except (CallfoldError, psycopg.Error) as error:
        said.put(_Said(0, str(error).strip().split("\n")[0]))


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
