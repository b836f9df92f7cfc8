"""The judgement after every fault: reports, sums, log and leases, and how long healing took."""

import time
from collections.abc import Sequence
from typing import Any

import psycopg

from shared.contracts.stream_names import lane_stream
from shared.delivery.connection import redis_client
from tests.faults.tally import FaultRow
from tests.installation import Installation, live, until
from tests.whole_system import assert_conserved, assert_equals_model, reference

Position = tuple[int, int]


def recovery_s(running: Installation, patience_s: float = 60.0) -> float:
    """Seconds from now until all that Redis holds now is archived and folded."""
    began_s = time.monotonic()
    heads = _heads(running, patience_s)
    until(lambda: _folded_to(running, heads), "what Redis held is folded", patience_s)
    return time.monotonic() - began_s


def _heads(running: Installation, patience_s: float) -> dict[int, Position]:
    """Lane → its newest entry; waits until Redis answers."""
    found: dict[int, Position] = {}

    def asked() -> bool:
        try:
            client: Any = redis_client(running.redis_url)
            with psycopg.connect(running.database_url, connect_timeout=3) as connection:
                lanes = connection.execute("SELECT lane FROM callfold.lanes").fetchall()
            for (lane,) in lanes:
                newest = client.xrevrange(lane_stream(lane), count=1)
                if newest:
                    ms, seq = newest[0][0].decode().split("-")
                    found[lane] = int(ms), int(seq)
        except Exception:  # noqa: BLE001 -- whatever a server that is still away answers
            return False
        return True

    until(asked, "the servers answer", patience_s)
    return found


def _folded_to(running: Installation, heads: dict[int, Position]) -> bool:
    try:
        with psycopg.connect(running.database_url, connect_timeout=3) as connection:
            rows = connection.execute(
                f"SELECT lane, ms, seq FROM gen_{live(connection)}.positions"
            ).fetchall()
    except psycopg.Error:
        return False
    folded = {lane: (ms, int(seq)) for lane, ms, seq in rows}
    return all(folded.get(lane, (0, 0)) >= head for lane, head in heads.items())


def judge(
    running: Installation,
    published: list[dict[str, Any]],
    archived: Sequence[dict[str, Any]] = (),
) -> FaultRow:
    """All lanes reach the head; reports = model, Σ contributions = tallies, the log = published.

    The log holds what is only `archived` as well, and no report knows it.
    Needs a read API that runs. Returns one run without its faults, for the tally: what was lost or
    doubled would have failed here.
    """
    running.wait_until_folded()
    assert_equals_model(running, reference(published))
    assert_conserved(running, [*published, *archived])
    distinct = {(e["organizationid"], e["source"], e["id"]) for e in published}
    return FaultRow(runs=1, events=len(distinct))
