"""Messy campaigns posted over HTTP in every way there is, and the reports that come of them."""

import random
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any
from urllib.parse import quote

import httpx

from services.tooling.traffic import to_fields, to_json
from shared.storage.api_keys import create_api_key
from tests.installation import Installation, installation
from tests.whole_system import (
    ORGANIZATIONS,
    assert_conserved,
    assert_equals_model,
    messy_events,
    reference,
)

_REQUEST_EVENTS = 50
_BINARY_EVENTS = 4  # a request each

_Request = tuple[dict[str, str], bytes]


def test_messy_campaigns_over_http_equal_the_model(redis_url: str, database_url: str) -> None:
    """Every report equals the model, whatever was duplicated, reordered or sent again."""
    events = messy_events(seed=3, contacts=25)
    with installation(redis_url, database_url) as running:
        running.start_projector()
        running.start_projector()
        running.start_ingest()
        post(running, events, seed=3)
        running.start_read_api()
        running.wait_until_folded()

        assert_equals_model(running, reference(events))
        assert_conserved(running, events)


def post(running: Installation, events: list[dict[str, Any]], seed: int) -> None:
    """Post all events, some requests twice; each is accepted whole."""
    chance = random.Random(seed)
    with httpx.Client(base_url=running.ingest_url, timeout=20) as client:
        for organization_id in ORGANIZATIONS:
            own = [event for event in events if event["organizationid"] == organization_id]
            key = create_api_key(running.database_url, organization_id, ("publish",), "dialer")
            for headers, body in requests(own):
                for _ in range(2 if chance.random() < 0.1 else 1):
                    answer = client.post(
                        "/v1/events", content=body, headers={"x-api-key": key, **headers}
                    )
                    assert httpx.codes.ACCEPTED == answer.status_code, answer.text


def requests(events: list[dict[str, Any]]) -> Iterator[_Request]:
    """Batches, lines, single events and binary ones in turn."""
    left = iter(events)
    for way in cycle(("batch", "lines", "event", "binary")):
        count = _REQUEST_EVENTS if way in {"batch", "lines"} else _BINARY_EVENTS
        part = list(islice(left, count))
        if not part:
            return
        raws = [to_json(event) for event in part]
        if way == "batch":
            yield media_type("application/cloudevents-batch+json"), b"[" + b",".join(raws) + b"]"
        elif way == "lines":
            yield media_type("application/x-ndjson"), b"\r\n".join(raws)
        elif way == "event":
            yield from ((media_type("application/cloudevents+json"), raw) for raw in raws)
        else:
            yield from map(binary, part)


def binary(event: dict[str, Any]) -> _Request:
    """The event in CloudEvents' binary mode: attributes as headers, the payload as the body."""
    fields = {name.decode(): value for name, value in to_fields(event).items()}
    data = fields.pop("data")
    attributes = {f"ce-{name}": quote(value) for name, value in fields.items()}
    return media_type("application/json") | attributes, data


def media_type(name: str) -> dict[str, str]:
    """The header that says what a body is."""
    return {"content-type": name}
