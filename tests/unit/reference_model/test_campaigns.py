"""Items of a campaign: which there are, in what order, and what each says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference_model import ReferenceModel
from tests.unit.reference_model.given import (
    ORGANIZATION,
    campaign_items_of,
    event,
    known,
    scheduled,
)

SMS: dict[str, Any] = {"smsId": "m", "from": "CF", "to": "+2"}
#: Worked out with `printf '%s' x | sha256sum`: 2d711642b726b0 in hexadecimal, shifted by 3.
NUMBER_OF_X = 0x2D711642B726B0 >> 3
#: The same of `spring`, a line feed and `k1`.
NUMBER_OF_SPRING_K1 = 0x3186FE54D96D55 >> 3


def call(subject: str, clock: str, ended: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """A call of the contact k1, over if `ended` is given."""
    data = {"from": "+1", "to": "+2", "contactId": "k1"}
    events = [event("call.initiated", subject, clock, data)]
    if ended is not None:
        events.append(event("call.ended", subject, "11:00:00", ended))
    return events


@pytest.mark.parametrize(
    ("outcome", "status", "details"),
    (
        ("completed", "completed", None),
        ("voicemail", "voicemail", None),
        ("no_answer", "no_answer", "no_answer"),
        ("busy", "busy", "busy"),
        ("rejected", "failed", "rejected"),
        ("failed", "failed", "failed"),
        ("cancelled", "skipped", "cancelled"),
        ("no_credits", "failed", "no_credits"),
        ("unheard_of", "failed", "unheard_of"),
    ),
)
def test_outcome_decides_status_and_explains_itself(
    outcome: str, status: str, details: str | None
) -> None:
    """What did not succeed is explained by its outcome where nothing better is said."""
    (item,) = campaign_items_of(scheduled(), *call("x", "10:00:00", {"outcome": outcome}))

    assert item["status"] == status
    assert item["execution_data"].get("error_details") == details


def test_ids_are_integers_of_their_own_or_hashed() -> None:
    """A leading zero, a sixteenth digit or a letter makes an id a hash."""
    items = campaign_items_of(
        scheduled(),
        *call("7", "10:00:01"),
        *call("x", "10:00:00"),
    )

    assert [item["id"] for item in items] == [7, NUMBER_OF_X]
    assert [item["execution_id"] for item in items] == [7, NUMBER_OF_X]
    assert [item["call_id"] for item in items] == ["7", "x"]


def test_newest_comes_first_and_ties_go_by_integer() -> None:
    """Microseconds count, then the greater integer; pages cut that order."""
    events = [
        scheduled(),
        *call("9", "10:00:00.000001"),
        *call("10", "10:00:00.000001"),
        *call("11", "10:00:00"),
    ]
    body = known(
        ReferenceModel(events).campaign_executions(ORGANIZATION, "program", page=2, per_page=2)
    )

    assert [item["id"] for item in campaign_items_of(*events)] == [10, 9, 11]
    assert [item["id"] for item in body["executions"]] == [11]
    assert body["pagination"] == {
        "page": 2,
        "per_page": 2,
        "total_items": 3,
        "total_pages": 2,
        "has_next": False,
        "has_prev": True,
    }


@pytest.mark.parametrize(
    ("types", "status"),
    (
        ([], "pending"),
        (["sms.sent"], "in_progress"),
        (["sms.sent", "sms.delivered"], "completed"),
        (["sms.delivered", "sms.failed"], "failed"),
    ),
)
def test_lone_sms_goes_by_the_winner_of_what_became_of_it(types: list[str], status: str) -> None:
    """At equal times the higher rank wins."""
    data = {**SMS, "body": "hi", "contactId": "k1", "variables": {"a": None}}
    events = [event("sms.requested", "5", data=data)]
    events += [event(type_, "5", "10:01:00", {"smsId": "m"}) for type_ in types]

    (item,) = campaign_items_of(scheduled(), *events)

    assert (item["status"], item["call_id"], item["sms_id"]) == (status, None, "m")
    assert item["contact_phone"] == "+2"
    assert item["execution_data"] == {
        "from_number": "CF",
        "to_number": "+2",
        "template_variables_used": {"a": None},
    }


def test_own_program_wins_over_the_executions() -> None:
    """A call that names another program is that campaign's; a run is no item of any."""
    data = {"from": "1", "to": "2", "programId": "other"}
    events = [
        scheduled(),
        event("call.initiated", "x", data=data),
        event("run.started", "r", data={"flowId": "f"}),
    ]

    assert campaign_items_of(*events) == []
    other = known(ReferenceModel(events).campaign_executions(ORGANIZATION, "other"))
    assert [item["call_id"] for item in other["executions"]] == ["x"]


def test_unnamed_campaign_is_unknown() -> None:
    """None stands for 404, for another organization's campaign too."""
    foreign = event("execution.scheduled", "e", data={"programId": "p"}, organization_id="them")

    assert ReferenceModel([foreign]).campaign_executions(ORGANIZATION, "p") is None


def test_skipped_contact_is_an_item_unless_it_was_tried() -> None:
    """Any attempt that names the contact in that execution stands for it, a run too."""
    skipped = event("contact.skipped", "k1", "10:30:00", {"reason": "opted out"})
    enrolled = event("contact.enrolled", "k1", data={"name": "Ann", "phone": "+7"})

    (item,) = campaign_items_of(scheduled(), enrolled, skipped)

    assert (item["status"], item["contact_name"], item["contact_phone"]) == ("skipped", "Ann", "+7")
    assert (item["call_id"], item["sms_id"]) == (None, None)
    assert item["executed_at"] == "2025-12-20T10:30:00Z"
    assert item["execution_data"] == {"error_details": "opted out"}
    assert item["id"] == item["execution_id"] == NUMBER_OF_SPRING_K1
    run = event("run.started", "r", data={"flowId": "f", "contactId": "k1"})
    assert campaign_items_of(scheduled(), enrolled, skipped, run) == []
    elsewhere = event(
        "run.started", "r", data={"flowId": "f", "contactId": "k1"}, execution_id="autumn"
    )
    assert len(campaign_items_of(scheduled(), enrolled, skipped, elsewhere)) == 1
    assert campaign_items_of(scheduled(), skipped, event("contact.queued", "k1", "10:31:00")) == []


def test_profile_speaks_before_the_enrolment() -> None:
    """First and last name as far as they are known; an empty one is unknown."""
    enrolled = event("contact.enrolled", "k1", data={"name": "Ann", "phone": "+7"})
    named = event("contact.updated", "k1", data={"firstName": "", "lastName": "Lee"})

    (item,) = campaign_items_of(scheduled(), enrolled, named, *call("x", "10:00:00"))

    assert (item["contact_name"], item["contact_phone"]) == ("Lee", "+7")


def test_status_filter_keeps_what_it_names() -> None:
    """The account of pages counts only these."""
    events = [scheduled(), *call("1", "10:00:00"), *call("2", "10:00:01", {"outcome": "busy"})]

    assert [item["id"] for item in campaign_items_of(*events, status="busy")] == [2]
    assert campaign_items_of(*events, status="voicemail") == []


def test_execution_data_holds_what_is_known() -> None:
    """Seconds half up; an error of the end goes before its hang-up reason."""
    ended = {
        "outcome": "busy",
        "durationMs": 1_500,
        "hangupReason": "line",
        "error": "486",
        "retryReason": "later",
    }
    analysis = event("call.analyzed", "x", data={"voiceAnalytics": {"tone": None}})

    (item,) = campaign_items_of(scheduled(), *call("x", "10:00:00", ended), analysis)

    assert item["execution_data"] == {
        "from_number": "+1",
        "to_number": "+2",
        "duration_seconds": 2,
        "error_details": "486",
        "retry_reason": "later",
        "voice_analytics": {"tone": None},
    }
