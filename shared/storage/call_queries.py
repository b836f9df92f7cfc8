"""Reads what call executions are made of: one call, a page of an agent's or a batch's, a batch."""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from shared.reports.call_batches import BatchRows
from shared.reports.call_execution import CallRow
from shared.storage.live_queries import LiveQueries

#: The columns that calls are listed by.
Owner = Literal["agent_id", "batch_id"]

_decode_calls: Final = msgspec.json.Decoder(list[CallRow]).decode
_decode_batch: Final = msgspec.json.Decoder(BatchRows).decode


class CallFilters(Struct, frozen=True, kw_only=True):
    """Which calls of a list are asked for; None asks for nothing."""

    status: str | None = None
    direction: str | None = None
    provider: str | None = None
    voicemail: bool | None = None
    batch_id: str | None = None
    #: Of the earliest event, both inclusive.
    from_us: int = -(2**63)
    to_us: int = 2**63 - 1


NO_FILTERS: Final = CallFilters()


class CallPage(Struct, frozen=True):
    """A page of calls."""

    #: Whether any event names the agent or batch.
    is_known: bool
    #: Calls that match the filters.
    total: int
    #: The page, newest first.
    calls: list[CallRow]


_decode_page: Final = msgspec.json.Decoder(CallPage).decode


class CallQueries:
    """The questions about calls; each answer comes with the generation that gave it.

    All raise StorageError where the database is away or not laid out, GenerationError where
    another release folded it.
    """

    def __init__(self, live: LiveQueries) -> None:
        self._live = live

    async def call(self, organization_id: str, call_id: str) -> tuple[int, CallRow | None]:
        """One call; None where the organization has no such call."""
        parameters = {"organization_id": organization_id, "call_id": call_id}
        generation, (calls,) = await self._live.fetch("call_execution", parameters)
        return generation, None if calls is None else _decode_calls(calls)[0]

    async def calls(
        self,
        organization_id: str,
        owner: Owner,
        owner_id: str,
        filters: CallFilters,
        *,
        limit: int,
        skip: int,
    ) -> tuple[int, CallPage]:
        """A page of the calls of an agent or batch."""
        parameters = {
            "organization_id": organization_id,
            "owner_id": owner_id,
            # Nothing but calls.
            "beside_calls": "",
            "limit": limit,
            "skip": skip,
            "is_filtered": filters != NO_FILTERS,
            **msgspec.structs.asdict(filters),
        }
        generation, (page,) = await self._live.fetch("call_executions", parameters, owner=owner)
        return generation, _decode_page(page or b"")

    async def batch(self, organization_id: str, batch_id: str) -> tuple[int, BatchRows]:
        """What is known of a batch."""
        parameters = {"organization_id": organization_id, "batch_id": batch_id}
        generation, (batch,) = await self._live.fetch("call_batch", parameters)
        return generation, _decode_batch(batch or b"")
