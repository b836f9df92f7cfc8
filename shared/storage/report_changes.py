"""What a commit changes in reports, as it travels from the committer to the caches of reports.

`commits.py` announces a batch in the batch's own transaction: nothing is told of what is rolled
back, and nothing is visible that is not told. `change_feed.py` hears it.

Which rows do reports read? Those of their execution: its state, its tallies, its attempts. And the
published versions of a flow, which any execution of the organization may use. Contacts and
attributes are read by no report that is kept; who keeps one that joins them names them here first.
"""

from typing import Final

import msgspec
import psycopg

from shared.contracts.event_types import Kind
from shared.projections.write_set import WriteSet
from shared.storage.generations import schema_name
from shared.storage.tables import attempts

#: By organization the executions whose reports may say something else now; None: all of them.
Touched = dict[str, set[str] | None]

#: PostgreSQL takes payloads below 8,000 bytes.
PAYLOAD_BYTES_MAX: Final = 7_999
_EVERYTHING: Final = b"all"
_ATTEMPT_EXECUTION: Final = [column.name for column in attempts.columns].index("execution_id")

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(Touched).decode


def channel_name(generation: int) -> str:
    """Where the commits into a generation are announced."""
    return f"callfold_{schema_name(generation)}_changed"


def announce(connection: psycopg.Connection, generation: int, writes: WriteSet) -> None:
    """Say in the transaction of a batch what it changes; once a transaction, as its last words."""
    found = touched(writes)
    if found:
        _notify(connection, generation, encode_touched(found))


def announce_everything(connection: psycopg.Connection, generation: int) -> None:
    """Say in a transaction that any report of a generation may have changed.

    For whoever switches to another generation (say it of the one that was live), and for repairs.
    """
    _notify(connection, generation, _EVERYTHING)


def touched(writes: WriteSet) -> Touched:
    """What a batch changes."""
    # An attempt that changed its execution is in the tallies of the one that it left.
    keys = {(row[0], row[_ATTEMPT_EXECUTION]) for row in writes.rows[Kind.ATTEMPT.value]}
    keys.update((row[0], row[1]) for row in writes.rows[Kind.EXECUTION.value])
    for sums in writes.differences.sums.values():
        keys.update((str(key[0]), str(key[1])) for key in sums)
    found: Touched = {}
    for organization_id, execution_id in keys:
        if execution_id:  # none, and empty in a tally, of what belongs to no execution
            _named(found, organization_id).add(execution_id)
    for organization_id, *_ in writes.flow_versions:
        found[organization_id] = None
    return found


def encode_touched(found: Touched) -> bytes:
    """As it is sent: whole organizations, or everything, where naming all would be too long."""
    payload = _encode(found)
    if len(payload) > PAYLOAD_BYTES_MAX:
        payload = _encode(dict.fromkeys(found))
    return payload if len(payload) <= PAYLOAD_BYTES_MAX else _EVERYTHING


def decode_touched(payload: str) -> Touched | None:
    """What was sent; None where everything may have changed, or another release said it."""
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def _named(found: Touched, organization_id: str) -> set[str]:
    executions = found.get(organization_id)
    if executions is None:
        executions = found[organization_id] = set()
    return executions


def _notify(connection: psycopg.Connection, generation: int, payload: bytes) -> None:
    connection.execute("SELECT pg_notify(%s, %s)", (channel_name(generation), payload.decode()))
