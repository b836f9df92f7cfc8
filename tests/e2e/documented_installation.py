"""An installation to which the story of the documents was posted: what its examples answer to."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from services.read_api.documents.openapi import FOLDER
from shared.storage.api_keys import create_api_key
from tests.installation import Installation, installation
from tests.servers import ServersForTests, fresh_database, fresh_redis

#: The organization of the story.
ORGANIZATION = "acme"
STORY = (FOLDER / "story.ndjson").read_bytes()


@contextmanager
def documented_installation(servers: ServersForTests) -> Iterator[Installation]:
    """All processes; everything that the story says is folded."""
    with fresh_database(servers) as url, installation(fresh_redis(servers), url) as running:
        running.start_projector()
        running.start_ingest()
        running.start_read_api()
        post_story(running, ORGANIZATION, STORY)
        running.wait_until_folded()
        yield running


def post_story(running: Installation, organization_id: str, events: bytes) -> None:
    """Post lines of events, all of which must be good."""
    key = create_api_key(running.database_url, organization_id, ("publish",), "tests")
    headers = {"x-api-key": key, "content-type": "application/x-ndjson"}
    url = f"{running.ingest_url}/v1/events"
    answer = httpx.post(url, content=events, headers=headers, timeout=20)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
