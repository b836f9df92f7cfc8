"""Reads what the answers about a campaign are made of; each is one statement and one snapshot."""

from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from shared.reports.campaign_contacts import ContactRows
from shared.reports.campaign_executions import CampaignRows, Place
from shared.reports.campaign_progress import ProgressRows
from shared.storage.live_queries import LiveQueries
from shared.storage.read_pool import Parameters

_Rows = TypeVar("_Rows")

#: Before everything, in a list that begins with the newest.
NEWEST: Final = Place(2**63 - 1, 2**63 - 1)
_OWNER: Final = "program_id"
#: A boolean in PostgreSQL's binary form.
_TRUE: Final = b"\x01"

_decode_items = msgspec.json.Decoder(CampaignRows).decode
_decode_contacts = msgspec.json.Decoder(ContactRows).decode
_decode_progress = msgspec.json.Decoder(ProgressRows).decode


class Found(NamedTuple, Generic[_Rows]):
    """What a campaign that exists is made of, and the generation that answered."""

    generation: int
    rows: _Rows


class CampaignQueries:
    """The questions about campaigns; None where the organization has no such one."""

    def __init__(self, live: LiveQueries) -> None:
        self._live = live

    async def executions(
        self,
        organization_id: str,
        campaign_id: str,
        *,
        limit: int,
        skip: int = 0,
        before: Place = NEWEST,
        status: str | None = None,
    ) -> Found[CampaignRows] | None:
        """So many items behind a place, after `skip` of them, and one more."""
        asked = {
            "beside_calls": "sms",
            "limit": limit,
            "skip": skip,
            "before_us": before.executed_us,
            "before_number": before.number,
            "status": status,
        }
        ids = (organization_id, campaign_id)
        return await self._ask("campaign_executions", _decode_items, ids, asked)

    async def contacts(
        self,
        organization_id: str,
        campaign_id: str,
        *,
        limit: int,
        skip: int = 0,
        status: str | None = None,
    ) -> Found[ContactRows] | None:
        """So many contacts, after `skip` of them, and one more."""
        asked = {"limit": limit, "skip": skip, "status": status}
        ids = (organization_id, campaign_id)
        return await self._ask("campaign_contact_list", _decode_contacts, ids, asked)

    async def progress(self, organization_id: str, campaign_id: str) -> Found[ProgressRows] | None:
        """What its contacts and attempts add up to."""
        ids = (organization_id, campaign_id)
        return await self._ask("campaign_progress", _decode_progress, ids, {})

    async def _ask(
        self,
        name: str,
        decode: Callable[[bytes], _Rows],
        ids: tuple[str, str],
        asked: Parameters,
    ) -> Found[_Rows] | None:
        parameters = {"organization_id": ids[0], "owner_id": ids[1], **asked}
        generation, (known, rows) = await self._live.fetch(name, parameters, owner=_OWNER)
        return Found(generation, decode(rows or b"")) if known == _TRUE else None
