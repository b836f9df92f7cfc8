"""The contacts of a campaign: `GET /api/v1/campaigns/{id}/contacts` (seed-systems.md, 2.3).

A contact is listed once, however many of the campaign's executions enrolled it: with the latest of
its statuses, and all its tries in them.
"""

from typing import Any, Final, NamedTuple

from msgspec import Raw, Struct

from shared.contracts.event_types import Kind
from shared.contracts.instants import us_text_s
from shared.contracts.numbers import item_number
from shared.folds.contact import ContactState
from shared.folds.states import FOLDS
from shared.reports.campaign_executions import ITEM_STATUSES, Pagination, pagination

#: Every status of a contact (seed-systems.md, 5.1); `status=` takes these.
CONTACT_STATUSES: Final = ITEM_STATUSES

_decode_contact = FOLDS[Kind.CONTACT].decode


class ContactRow(NamedTuple):
    """One contact as the query gives it."""

    contact_id: str
    status: str
    #: The execution whose status it is.
    execution_id: str
    #: Earliest status event.
    first_us: int
    attempts: int
    last_us: int | None
    state: bytes


class ContactRows(Struct, frozen=True, gc=False):
    """What the query gives."""

    #: Contacts that match the filter.
    total: int
    #: So many as were asked for, and one more where there is one.
    contacts: list[ContactRow]


class ContactData(Struct, frozen=True, kw_only=True, gc=False):
    """What is known of a contact; company and source are in no event."""

    company: str | None = None
    source: str | None = None
    #: Those of the enrolment.
    variable_values: Raw | dict[str, Any]
    #: Attributes of the profile.
    custom_fields: dict[str, Raw]


class CampaignContact(Struct, frozen=True, kw_only=True, gc=False):
    """One contact."""

    id: int
    phone_number: str | None
    contact_data: ContactData
    status: str
    attempts: int
    created_at: str
    last_attempt_at: str | None


class CampaignContacts(Struct, frozen=True, kw_only=True, gc=False):
    """The answer."""

    contacts: list[CampaignContact]
    pagination: Pagination


def campaign_contacts(rows: ContactRows, page: int, per_page: int) -> CampaignContacts:
    """One page; beyond the end it is empty."""
    return CampaignContacts(
        contacts=[_contact(row) for row in rows.contacts[:per_page]],
        pagination=pagination(page, per_page, rows.total, has_next=len(rows.contacts) > per_page),
    )


def _contact(row: ContactRow) -> CampaignContact:
    state: ContactState = _decode_contact(row.state)
    enrolment = state.enrolments.get(row.execution_id)
    enrolled = enrolment.enrolled[4] if enrolment and enrolment.enrolled else {}
    phone = state.profile["phone"][4] if "phone" in state.profile else None
    variables = enrolled.get("variables")
    return CampaignContact(
        id=item_number(row.contact_id),
        phone_number=phone or enrolled.get("phone") or None,
        contact_data=ContactData(
            variable_values={} if variables is None else Raw(variables),
            custom_fields={
                name: Raw(attribute[4])
                for name, attribute in state.attributes.items()
                if attribute[4] is not None
            },
        ),
        status=row.status,
        attempts=row.attempts,
        created_at=us_text_s(row.first_us),
        last_attempt_at=None if row.last_us is None else us_text_s(row.last_us),
    )
