"""Parked events that this release can read: a rebuild folds them. Called by `callfold rebuild`."""

from collections.abc import Iterator
from typing import NamedTuple

import psycopg

from shared.contracts.codec import decode_fields
from shared.contracts.event_types import KINDS
from shared.contracts.park_reasons import OUR_REASONS
from shared.contracts.stream_names import partition_of
from shared.errors import ContractError
from shared.projections.state_cache import SubjectKey
from shared.storage.parked_events import OPEN, ParkedEvent, body_of, parked_events


class KnownEvent(NamedTuple):
    """A parked event, and the subject that it changes once it is folded."""

    parked: ParkedEvent
    subject: SubjectKey


def known_by_now(connection: psycopg.Connection, partitions: int) -> Iterator[KnownEvent]:
    """Open parked events that a rebuild by this release folds.

    Not those that live condemned, nor those that lie in another partition than their subject's:
    no rebuild looks for them there, so they are to be retried.
    """
    for event in parked_events(connection, OPEN):
        body = None if event.reason in OUR_REASONS else body_of(connection, event)
        if body is None or body.fields is None:
            continue
        try:
            decoded = decode_fields(body.fields)
        except ContractError:
            continue
        if partition_of(decoded.subject, partitions) == event.lane:
            kind = KINDS[type(decoded)].value
            yield KnownEvent(event, (kind, decoded.organizationid, decoded.subject))
