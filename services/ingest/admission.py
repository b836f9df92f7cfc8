"""Which events of a request follow the contract, and what is wrong with the others.

The contract is the projector's own codec, so that nothing accepted here is parked there.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from shared.contracts.codec import decode_event
from shared.errors import ContractError
from shared.limits import ID_CHARS_MAX

#: The reason of an event that is good, but not the publisher's to send.
FOREIGN_ORGANIZATION: Final = "foreign_organization"

#: So many events are decoded before other requests have their turn.
_DECODED_AT_ONCE = 200
#: Of a reason that quotes a value, however long.
_DETAIL_CHARS_MAX = 300


class BadEvent(Struct, frozen=True):
    """One event that is not accepted."""

    index: int  #: its place among the events of the request, from 0; blank lines do not count
    id: str | None  #: as said, shortened; None where none can be read
    reason: str  #: a value of `ParkReason`, or `FOREIGN_ORGANIZATION`
    detail: str


class Admission(Struct, frozen=True):
    """The events of a request, sorted."""

    good: list[tuple[str, bytes]]  #: subject, and the publisher's bytes
    bad: list[BadEvent]


class _Named(Struct):
    id: Any = None


_decode_named = msgspec.json.Decoder(_Named).decode


async def admit(raws: Sequence[Raw | bytes], organization_id: str) -> Admission:
    """Sort the events of a request; those of other organizations are bad ones."""
    admission = Admission([], [])
    for index, raw in enumerate(map(bytes, raws)):
        if index % _DECODED_AT_ONCE == _DECODED_AT_ONCE - 1:
            await asyncio.sleep(0)
        try:
            event = decode_event(raw)
        except ContractError as error:
            admission.bad.append(_bad_event(index, _id(raw), error.reason, error.detail))
            continue
        if event.organizationid == organization_id:
            admission.good.append((event.subject, raw))
        else:
            detail = "`organizationid` is not the organization of the API key"
            admission.bad.append(_bad_event(index, event.id, FOREIGN_ORGANIZATION, detail))
    return admission


def _bad_event(index: int, event_id: str | None, reason: str, detail: str) -> BadEvent:
    if len(detail) > _DETAIL_CHARS_MAX:
        # The end names the key.
        half = _DETAIL_CHARS_MAX // 2
        detail = f"{detail[:half]}…{detail[-half:]}"
    return BadEvent(index, event_id, str(reason), detail)


def _id(raw: bytes) -> str | None:
    try:
        event_id = _decode_named(raw).id
    except (ValueError, RecursionError):  # not JSON, not UTF-8, or no object
        return None
    return event_id[:ID_CHARS_MAX] if isinstance(event_id, str) else None
