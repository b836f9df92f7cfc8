"""Simulated traffic: its truth against the reference model, its form against the contract."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain, islice
from typing import Any

import pytest

from services.tooling.traffic import (
    Campaign,
    CampaignPlan,
    CampaignTruth,
    Event,
    disorder,
    to_fields,
    to_json,
)
from shared.contracts.codec import decode_event, decode_fields
from tests.reference_model import ReferenceModel

ORGANIZATION_ID = "organization-1"
EXECUTION_ID = "execution-1"
PLAN = CampaignPlan(
    organization_id=ORGANIZATION_ID,
    execution_id=EXECUTION_ID,
    program_id="program-1",
    contacts=60,
    seed=1,
    started_at=datetime(2025, 12, 20, 9, 0, 0, 5, tzinfo=UTC),
    lines=7,
    enrolled_ahead=5,
)
OPEN_PLAN = replace(PLAN, leave_open_share=0.5)
LARGER_PLAN = replace(PLAN, contacts=500, lines=50)


def as_read(events: Iterable[Event]) -> list[Event]:
    """The events as whoever reads their JSON sees them, amounts exact."""
    return [json.loads(to_json(event), parse_float=Decimal) for event in events]


def reports_of(model: ReferenceModel, plan: CampaignPlan) -> dict[str, Any]:
    """What the model says to each of the truth's reports."""
    ids = (plan.organization_id, plan.execution_id)
    main = model.report(*ids, datetime(2026, 1, 1, tzinfo=UTC))
    assert main is not None
    return {
        "report": {key: value for key, value in main.items() if key.endswith("Metrics")},
        "breakdown": model.breakdown(*ids),
        "node_stats": model.node_stats(*ids),
        "billing": model.billing(*ids),
    }


def reports_of_truth(truth: CampaignTruth) -> dict[str, Any]:
    """All four reports."""
    return {
        "report": truth.report(),
        "breakdown": truth.breakdown(),
        "node_stats": truth.node_stats(),
        "billing": truth.billing(),
    }


def key_order(body: object) -> object:
    """The body with its keys spelt out as lists, so that their order counts in a comparison."""
    if isinstance(body, dict):
        return [(key, key_order(value)) for key, value in body.items()]
    return [key_order(item) for item in body] if isinstance(body, list) else body


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("attempts_max", "leave_open_share"), ((3, 0.0), (1, 0.0), (3, 0.5), (2, 1.0))
)
def test_disordered_campaign_truth_equals_reference_model(
    seed: int, attempts_max: int, leave_open_share: float
) -> None:
    """Counting decisions and folding the events they led to give the same four reports."""
    plan = replace(PLAN, seed=seed, attempts_max=attempts_max, leave_open_share=leave_open_share)
    campaign = Campaign(plan)
    model = ReferenceModel(as_read(disorder(campaign.events(), seed=seed)))
    expected, actual = reports_of_truth(campaign.truth), reports_of(model, plan)
    assert expected == actual
    assert key_order(expected) == key_order(actual)


def test_larger_campaign_truth_equals_reference_model() -> None:
    """With more than 50 different inputs, all further ones count under `other`."""
    campaign = Campaign(LARGER_PLAN)
    model = ReferenceModel(as_read(campaign.events()))
    assert reports_of_truth(campaign.truth) == reports_of(model, LARGER_PLAN)
    nodes = {row["nodeId"]: row for row in campaign.truth.node_stats()["nodes"]}
    assert len(nodes["dtmf-account"]["dtmfBreakdown"]) == 51
    assert nodes["dtmf-menu"]["totalExecutions"] > nodes["dtmf-menu"]["uniqueCalls"] > 0
    assert nodes["webhook-crm"]["nodeType"] == "webhook"
    assert nodes["say-holiday"]["uniqueCalls"] == 0


def test_two_organizations_with_one_namespace_clash_in_ids_but_not_in_figures() -> None:
    """Ids belong to their organization: the same ones elsewhere change nothing."""
    plans = [replace(PLAN, organization_id=name, id_namespace="shared") for name in ("a", "b")]
    campaigns = [Campaign(plan) for plan in plans]
    streams = [list(campaign.events()) for campaign in campaigns]
    contact_ids = [_subjects(events, "contact.enrolled") for events in streams]
    call_ids = [_subjects(events, "call.initiated") for events in streams]
    assert contact_ids[0] == contact_ids[1]
    assert len(call_ids[0] & call_ids[1]) >= 0.8 * min(map(len, call_ids))
    assert contact_ids[0] & call_ids[0]
    shorter = min(map(len, streams))
    assert [e["id"] for e in streams[0][:shorter]] == [e["id"] for e in streams[1][:shorter]]
    model = ReferenceModel(as_read(chain(*streams)))
    for plan, campaign in zip(plans, campaigns, strict=True):
        assert reports_of_truth(campaign.truth) == reports_of(model, plan)


def test_two_organizations_without_namespace_share_no_id() -> None:
    """Only who asks for clashes gets them."""
    plans = (PLAN, replace(PLAN, organization_id="organization-2"))
    first, second = ({event["id"] for event in Campaign(plan).events()} for plan in plans)
    assert not first & second


def test_equal_plans_give_equal_bytes() -> None:
    """A campaign is a function of its plan, however often it is asked."""
    campaign = Campaign(OPEN_PLAN)
    first, truth = [to_json(event) for event in campaign.events()], campaign.truth
    assert [to_json(event) for event in campaign.events()] == first
    assert [to_json(event) for event in Campaign(OPEN_PLAN).events()] == first
    assert reports_of_truth(truth) == reports_of_truth(campaign.truth)
    other = Campaign(replace(OPEN_PLAN, seed=2)).events()
    assert [to_json(event) for event in other] != first


def test_events_come_in_order_of_time_without_gaps_in_any_sequence() -> None:
    """Each source counts 0, 1, 2 … as it publishes, the charges' one too."""
    last = datetime.min.replace(tzinfo=UTC)
    sequences: dict[str, list[int]] = defaultdict(list)
    for event in Campaign(PLAN).events():
        at = datetime.fromisoformat(event["time"])
        assert last <= at
        last = at
        sequences[event["source"]].append(event["sequence"])
    assert set(sequences) == {*PLAN.dialer_sources, PLAN.billing_source}
    for numbers in sequences.values():
        assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("plan", (PLAN, OPEN_PLAN))
def test_every_event_is_accepted_by_the_contract_in_both_modes(plan: CampaignPlan) -> None:
    """Types, required keys, closed lists, lengths and amounts are what the decoder allows."""
    ids = set()
    for event in Campaign(plan).events():
        structured = decode_event(to_json(event))
        binary = decode_fields(list(chain(*to_fields(event).items())))
        assert binary == structured
        ids.add((structured.subject, structured.source, structured.id))
        assert structured.organizationid == plan.organization_id
    assert len(ids) == sum(1 for _ in Campaign(plan).events())


def test_binary_fields_carry_the_structured_event() -> None:
    """Attributes as text, data as JSON; an absent attribute is no field."""
    for event in Campaign(PLAN).events():
        fields = to_fields(event)
        data = json.loads(fields.pop(b"data"), parse_float=Decimal)
        texts = {key: str(value) for key, value in event.items() if key != "data"}
        assert {key.decode(): value.decode() for key, value in fields.items()} == texts
        assert data == event["data"]


def test_charges_come_in_every_form_and_stay_exact() -> None:
    """Number or string, with or without keys that name the cause, now and then negative."""
    charges = [e for e in Campaign(LARGER_PLAN).events() if e["type"] == "call.charged"]
    amounts = [charge["data"]["amount"] for charge in charges]
    assert {type(amount) for amount in amounts} >= {str, Decimal}
    assert any(Decimal(amount) < 0 for amount in amounts)
    assert all(_decimals(Decimal(amount)) <= 9 for amount in amounts)
    for charge in charges:
        read = json.loads(to_json(charge), parse_float=Decimal)
        assert read["data"] == charge["data"]
    for key in ("component", "nodeType", "nodeId"):
        present = sum(key in charge["data"] for charge in charges)
        assert 0 < present < len(charges)


def test_campaign_shows_every_outcome_and_what_a_dialer_leaves_out() -> None:
    """All eight outcomes, missing outcomes and durations, corrections, retries, side attempts."""
    events = list(Campaign(LARGER_PLAN).events())
    ended = [event for event in events if event["type"] == "call.ended"]
    outcomes = Counter(event["data"].get("outcome") for event in ended)
    assert set(outcomes) == {
        *("completed", "voicemail", "no_answer", "busy"),
        *("rejected", "failed", "cancelled", "no_credits", None),
    }
    assert len({event["subject"] for event in ended}) < len(ended)
    assert any("durationMs" not in event["data"] for event in ended)
    initiated = [e["data"] for e in events if e["type"] == "call.initiated"]
    assert {data.get("attempt", 1) for data in initiated} == {1, 2, 3}
    assert {"run.started", "run.ended", "sms.failed", "execution.paused"} <= {
        event["type"] for event in events
    }
    assert any(e["type"] == "sms.requested" and e["data"]["smsId"] == e["subject"] for e in events)


def test_answered_call_has_about_25_events() -> None:
    """events.md, Sizes to expect."""
    events = list(Campaign(LARGER_PLAN).events())
    answered = _subjects(events, "call.answered")
    counts = Counter(event["subject"] for event in events)
    mean = sum(counts[subject] for subject in answered) / len(answered)
    assert 20 <= mean <= 30


def test_calls_in_progress_never_exceed_the_lines() -> None:
    """Calls interleave as on a dialer: many at once, never more than it has lines."""
    in_progress: set[str] = set()
    ended: set[str] = set()
    highest = 0
    for event in Campaign(PLAN).events():
        if event["type"] == "call.initiated":
            in_progress.add(event["subject"])
        elif event["type"] == "call.ended":
            ended.add(event["subject"])
        highest = max(highest, len(in_progress - ended))
    assert highest == PLAN.lines


def test_open_share_leaves_contacts_in_all_buckets_and_the_execution_running() -> None:
    """What is left open is left in every way a contact can wait."""
    campaign = Campaign(replace(OPEN_PLAN, contacts=200))
    types = {event["type"] for event in campaign.events()}
    report = campaign.truth.report()
    buckets = ("pending", "queued", "calling", "pendingRetry", "completed", "failed", "skipped")
    assert all(report["contactMetrics"][bucket] > 0 for bucket in buckets)
    assert sum(report["contactMetrics"][bucket] for bucket in buckets) == 200
    assert "execution.completed" not in types


def test_campaign_of_a_billion_contacts_starts_at_once() -> None:
    """Events are decided as they are asked for, and contacts are not kept in a list."""
    events = Campaign(replace(PLAN, contacts=10**9)).events()
    types = [event["type"] for event in islice(events, 2_000)]
    assert "call.ended" in types


@pytest.mark.parametrize("contacts", (0, 1))
def test_smallest_campaigns_complete(contacts: int) -> None:
    """An empty audience is no error."""
    campaign = Campaign(replace(PLAN, contacts=contacts))
    types = Counter(event["type"] for event in campaign.events())
    assert types["execution.completed"] == 1
    assert campaign.truth.report()["contactMetrics"]["totalContacts"] == contacts


def test_disorder_repeats_and_delays_the_shares_asked_for() -> None:
    """Nothing is lost; repetitions are verbatim; nothing is later than the window allows."""
    events = list(Campaign(LARGER_PLAN).events())
    window = 100
    messy = list(disorder(events, seed=3, window=window))
    position_of = {event["id"]: position for position, event in enumerate(events)}
    counts = Counter(event["id"] for event in messy)
    assert set(counts) == set(position_of)
    assert set(counts.values()) == {1, 2}
    assert 0.04 < len(messy) / len(events) - 1 < 0.06
    assert all(event == events[position_of[event["id"]]] for event in messy)
    reached = late = 0
    seen: set[str] = set()
    for event in messy:
        position = position_of[event["id"]]
        assert position >= reached - window - 1
        late += position < reached and event["id"] not in seen
        reached = max(reached, position)
        seen.add(event["id"])
    assert 0.15 < late / len(events) < 0.25


def test_disorder_follows_its_seed_and_can_be_switched_off() -> None:
    """Equal seeds give equal disorder; no shares give the input."""
    events = list(islice(Campaign(PLAN).events(), 500))
    assert list(disorder(events, seed=1)) == list(disorder(events, seed=1))
    assert list(disorder(events, seed=1)) != list(disorder(events, seed=2))
    assert list(disorder(events, seed=1, duplicate_share=0, disorder_share=0)) == events


@pytest.mark.parametrize(
    "changes",
    (
        {"organization_id": ""},
        {"execution_id": "e" * 129},
        {"dialer_sources": ()},
        {"billing_source": "/dialer/eu-1"},
        {"started_at": datetime(2025, 12, 20, 9, tzinfo=UTC).replace(tzinfo=None)},
        {"contacts": -1},
        {"lines": 0},
        {"attempts_max": 0},
        {"leave_open_share": 1.5},
    ),
    ids=lambda changes: next(iter(changes)),
)
def test_plan_that_could_not_give_valid_events_is_refused(changes: dict[str, Any]) -> None:
    """The mistake shows where it was made, not as parked events."""
    with pytest.raises(ValueError, match=r"must|needs"):
        replace(PLAN, **changes)


def test_retry_comes_after_the_delay_that_was_announced() -> None:
    """The second call to a contact starts no earlier than the first one's retry is due."""
    due: dict[str, datetime] = {}
    for event in Campaign(PLAN).events():
        at = datetime.fromisoformat(event["time"])
        if event["type"] == "contact.retry_scheduled":
            due[event["subject"]] = datetime.fromisoformat(event["data"]["at"])
            assert due[event["subject"]] - at >= timedelta(minutes=PLAN.retry_delay_minutes - 1)
        elif event["type"] == "contact.queued":
            assert due.get(event["subject"], at) <= at


def _subjects(events: Iterable[Event], event_type: str) -> set[str]:
    return {event["subject"] for event in events if event["type"] == event_type}


def _decimals(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent
