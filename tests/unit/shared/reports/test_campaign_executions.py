"""An item of a campaign, from the states of an attempt and a contact made by hand."""

from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from shared.folds.attempt import AttemptState, Message
from shared.folds.contact import ContactState, Enrolment
from shared.folds.states import encode_state
from shared.reports.campaign_executions import ItemRow, Pagination, campaign_execution, pagination


def _row(state: AttemptState | None, **columns: Any) -> ItemRow:
    usual = ItemRow(
        executed_us=1_999_999,
        number=1,
        attempt_id="a",
        kind="call",
        status="failed",
        to_number=None,
        duration_ms=None,
        outcome=None,
        state=None if state is None else encode_state(state),
        execution_id="spring",
        contact_id=None,
        first_name=None,
        last_name=None,
        phone=None,
        contact_state=None,
    )
    return usual._replace(**columns)


def _data(row: ItemRow) -> dict[str, object]:
    said = asdict(campaign_execution(row).execution_data)
    return {key: value for key, value in said.items() if value is not UNSET}


def test_durations_are_whole_seconds_half_up() -> None:
    """Known from the columns; 0 is a duration, None is none."""
    call = AttemptState(0, 0)
    found = [_data(_row(call, duration_ms=ms, status="completed")) for ms in (0, 499, 500, None)]
    assert [{"duration_seconds": 0}, {"duration_seconds": 0}, {"duration_seconds": 1}, {}] == found


def test_winning_message_names_a_lone_sms() -> None:
    """Of several requests the last, and of several failures too."""
    state = AttemptState(
        0,
        0,
        messages={
            "m1": Message(requested=(1, 1, "", "", {"smsId": "m1", "from": "+1"})),
            "m2": Message(
                requested=(2, 1, "", "", {"smsId": "m2", "from": "+2"}),
                status=(3, 1, "", "", "failed", {"error": "early"}),
            ),
            "m3": Message(status=(4, 1, "", "", "failed", {"error": "late"})),
        },
    )
    row = _row(state, kind="sms")
    assert (None, "m2") == (campaign_execution(row).call_id, campaign_execution(row).sms_id)
    assert {"from_number": "+2", "error_details": "late"} == _data(row)


def test_failed_sms_without_a_reason_has_no_details() -> None:
    """An SMS has no outcome that could stand for it."""
    message = Message(status=(4, 1, "", "", "failed", {}))
    assert {} == _data(_row(AttemptState(0, 0, messages={"m": message}), kind="sms"))


def test_enrolment_of_the_execution_names_whom_the_profile_does_not() -> None:
    """Not that of another execution; an empty name is none."""
    state = ContactState(
        0,
        0,
        enrolments={
            "spring": Enrolment(
                0,
                (0, 0, "", "", "skipped", {"reason": "stopped"}),
                (0, 0, "", "", {"name": "", "phone": "+7"}),
            ),
            "summer": Enrolment(
                0, (0, 0, "", "", "pending", {}), (0, 0, "", "", {"name": "Ann", "phone": "+8"})
            ),
        },
    )
    row = _row(None, attempt_id=None, kind=None, status=None, contact_state=encode_state(state))
    item = campaign_execution(row)
    assert (None, "+7", "skipped") == (item.contact_name, item.contact_phone, item.status)
    assert {"error_details": "stopped"} == _data(row)
    assert "Ann" == campaign_execution(row._replace(execution_id="summer")).contact_name
    assert campaign_execution(row._replace(execution_id=None)).contact_name is None


def test_pages_are_counted_up() -> None:
    """The vendor's example: 350 items on 7 pages."""
    assert Pagination(
        page=1, per_page=50, total_items=350, total_pages=7, has_next=True, has_prev=False
    ) == pagination(1, 50, 350, has_next=True)
    assert 8 == pagination(8, 50, 351, has_next=False).total_pages
    assert 0 == pagination(1, 50, 0, has_next=False).total_pages
