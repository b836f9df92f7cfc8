"""Messy campaigns of two organizations with the same ids, published every way there is.

Beside them come odd attempts, and every answer of the read API is compared with the model's.
"""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from json import loads
from typing import Any

import httpx

from services.tooling.traffic import Campaign, CampaignPlan, disorder, to_fields, to_json
from shared.contracts.entries import decode_kept
from shared.contracts.stream_names import INBOX_STREAM, partition_of, partition_stream
from shared.delivery.connection import redis_client
from shared.limits import PARTITIONS_DEFAULT
from shared.storage.connection import connect
from shared.storage.contribution_sums import contributions_that_differ
from shared.storage.log import Log
from tests.equality import differences
from tests.every_answer import ANSWERS, Asked, encoded, narrowed
from tests.exports_read_back import FORMS, differing_files
from tests.installation import CERTIFICATES, Installation, live
from tests.odd_attempts import EXECUTION_ID as ODD_EXECUTION_ID
from tests.odd_attempts import odd_events
from tests.reference_model import ReferenceModel

ORGANIZATIONS = ("org-a", "org-b")
_PIPELINE = 200


def odd_and_messy_events(seed: int, contacts: int) -> list[dict[str, Any]]:
    """Messy campaigns with each organization's odd attempts among them."""
    odd = [event for organization_id in ORGANIZATIONS for event in odd_events(organization_id)]
    random.Random(seed).shuffle(odd)
    mixed = messy_events(seed, contacts)
    # One odd event after each few of the others, until there are none left.
    apart = max(1, len(mixed) // (len(odd) + 1))
    for number, event in enumerate(odd):
        mixed.insert(number * (apart + 1), event)
    return mixed


def messy_events(seed: int, contacts: int, *, open_share: float = 0.1) -> list[dict[str, Any]]:
    """Two campaigns for each of two organizations, interleaved, duplicated and out of order."""
    campaigns = [
        Campaign(
            CampaignPlan(
                organization_id=organization_id,
                execution_id=f"execution {number}",
                program_id=f"program/{number}",
                contacts=contacts,
                seed=seed + 10 * number + index,
                started_at=datetime(2026, 3, 2 + number, 9, tzinfo=UTC),
                leave_open_share=open_share if number else 0.0,
                dialer_sources=(f"/dialer/{number}",),
                billing_source=f"/billing/{number}",
                id_namespace="clash",
            )
        )
        for number in (0, 1)
        for index, organization_id in enumerate(ORGANIZATIONS)
    ]
    chance = random.Random(seed)
    streams: list[Iterator[dict[str, Any]]] = [iter(c.events()) for c in campaigns]
    mixed: list[dict[str, Any]] = []
    while streams:
        stream = chance.choice(streams)
        event = next(stream, None)
        if event is None:
            streams.remove(stream)
        else:
            mixed.append(event)
    return list(disorder(mixed, seed=seed))


def publish(redis_url: str, events: list[dict[str, Any]], seed: int) -> None:
    """Publish in both content modes, into partitions, wrong partitions and the inbox."""
    chance = random.Random(seed)
    client: Any = redis_client(redis_url)
    for start in range(0, len(events), _PIPELINE):
        pipeline = client.pipeline(transaction=False)
        for event in events[start : start + _PIPELINE]:
            binary = chance.random() < 0.2
            fields = to_fields(event) if binary else {b"event": to_json(event)}
            pipeline.xadd(_stream(event, chance.random()), fields)
        pipeline.execute()


def _stream(event: dict[str, Any], chance: float) -> str:
    if chance < 0.05:
        return INBOX_STREAM
    own = partition_of(event["subject"], PARTITIONS_DEFAULT)
    return partition_stream((own + 1) % PARTITIONS_DEFAULT if chance < 0.08 else own)


def reference(events: list[dict[str, Any]]) -> ReferenceModel:
    """The model of what was published, decoded from its JSON as the product sees it."""
    return ReferenceModel(loads(to_json(event), parse_float=Decimal) for event in events)


def assert_equals_model(running: Installation, model: ReferenceModel) -> None:
    """Every program report of every execution equals the model's, keys, order and all."""
    found: list[str] = []
    for organization_id in ORGANIZATIONS:
        key = running.key(organization_id)
        execution_ids = model.execution_ids(organization_id)
        assert execution_ids
        for execution_id in execution_ids:
            found += _of_execution(running, model, key, organization_id, execution_id)
    assert not found, "\n".join(found[:40])


def assert_interfaces_equal_model(running: Installation, model: ReferenceModel) -> None:
    """Every answer of the other interfaces equals the model's, all pages of all lists."""
    found: list[str] = []
    for organization_id in ORGANIZATIONS:
        with _client(running, running.key(organization_id)) as client:
            for answers in ANSWERS:
                found += _of_answers(client, answers(model, organization_id))
    assert not found, "\n".join(found[:40])


def _of_answers(client: httpx.Client, asked: Iterable[Asked]) -> Iterator[str]:
    for path, expected, only in asked:
        answer = client.get(path)
        wanted = httpx.codes.NOT_FOUND if expected is None else httpx.codes.OK
        if answer.status_code != wanted:
            yield f"{path}: {answer.status_code} {answer.text[:200]}"
        elif expected is not None:
            found = loads(answer.text, parse_float=Decimal)
            yield from differences(expected, narrowed(found, expected) if only else found, path)


def _of_execution(
    running: Installation, model: ReferenceModel, key: str, organization_id: str, execution_id: str
) -> Iterator[str]:
    before = datetime.now(UTC)
    status, report = running.get(key, execution_id, "report")
    assert status == 200, report
    expected = model.report(organization_id, execution_id, before)
    after = model.report(organization_id, execution_id, datetime.now(UTC))
    assert expected is not None
    assert after is not None
    if expected.get("durationMs") != report.get("durationMs"):
        # The clock moved on between the model's now and the product's.
        assert expected["durationMs"] <= report["durationMs"] <= after["durationMs"]
        expected["durationMs"] = report["durationMs"]
    yield from differences(expected, report, f"{organization_id}/{execution_id}/report")
    for path, want in (
        ("report/breakdown", model.breakdown(organization_id, execution_id)),
        ("report/node-stats", model.node_stats(organization_id, execution_id)),
        ("report/billing", model.billing(organization_id, execution_id)),
    ):
        _, got = running.get(key, execution_id, path)
        yield from differences(want, got, f"{organization_id}/{execution_id}/{path}")
    page = 1
    while True:
        want = model.calls(organization_id, execution_id, page=page, limit=100)
        _, got = running.get(key, execution_id, f"report/calls?page={page}&limit=100")
        yield from differences(want, got, f"{organization_id}/{execution_id}/calls/{page}")
        assert want is not None
        if page >= want["meta"]["totalPages"]:
            return
        page += 1


def assert_exports_equal_model(running: Installation, model: ReferenceModel) -> None:
    """Both exports, read back: of the odd execution in each form, of one messy as plain CSV."""
    one, other = ORGANIZATIONS
    asked = (
        *((one, ODD_EXECUTION_ID, form) for form in FORMS),
        (one, "execution 1", FORMS[0]),
        (other, ODD_EXECUTION_ID, FORMS[-1]),
    )
    found: list[str] = []
    for organization_id, execution_id, form in asked:
        path = f"/program-execution/{encoded(execution_id)}/report"
        with _client(running, running.key(organization_id)) as client:
            calls = model.calls_export(organization_id, execution_id)
            found += differing_files(calls, client, f"{path}/calls/export", form)
            summary = model.summary_export(organization_id, execution_id, datetime.now(UTC))
            found += differing_files(summary, client, f"{path}/export", form)
    assert not found, "\n".join(found[:40])


def _client(running: Installation, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=running.read_api_url,
        headers={"x-api-key": key},
        timeout=20,
        verify=CERTIFICATES,
    )


def assert_conserved(running: Installation, published: list[dict[str, Any]]) -> None:
    """Σ contributions = tallies, and the log holds each published event, each entry once."""
    with connect(running.database_url, "test") as connection:
        assert contributions_that_differ(connection, live(connection)) == []
        parked = connection.execute("SELECT * FROM callfold.parked_events").fetchall()
        assert parked == []
        held: set[tuple[Any, ...]] = set()
        for entries, duplicated in _archived(connection):
            assert not duplicated
            held |= entries
    expected = {_identity(event) for event in published}
    assert expected - held == set(), "lost"
    assert held - expected == set(), "never published"


def _archived(connection: Any) -> Iterator[tuple[set[tuple[Any, ...]], bool]]:
    log = Log(connection, PARTITIONS_DEFAULT)
    for partition in range(PARTITIONS_DEFAULT):
        positions: list[tuple[int, int]] = []
        identities: set[tuple[Any, ...]] = set()
        for entries in log.entries(partition, (0, 0)):
            for ms, seq, mode, kept, _ in entries:
                positions.append((ms, seq))
                event = decode_kept(mode, kept)
                identities.add((event.organizationid, event.subject, event.source, event.id))
        yield identities, len(positions) != len(set(positions)) or positions != sorted(positions)


def _identity(event: dict[str, Any]) -> tuple[Any, ...]:
    return (event["organizationid"], event["subject"], event["source"], event["id"])
