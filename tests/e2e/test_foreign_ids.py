"""Two organizations: a thing of the other one is nowhere told from a thing that nobody has.

The read API runs in this process, so that its own list of routes is asked, none forgotten, and so
that what each request makes the database do can be compared: a clock would only guess at it.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from json import loads
from typing import Any

import httpx
import psycopg
import pytest
from litestar import Litestar
from pydantic import SecretStr

from services.read_api import app as read_api
from shared.limits import PARTITIONS_DEFAULT
from shared.settings import Settings
from shared.storage.report_connections import ReportConnections
from shared.storage.schema import migrate
from tests import odd_attempts
from tests.every_answer import encoded
from tests.installation import Installation, installation
from tests.seed_documents import ORGANIZATION as US
from tests.seed_documents import call_execution, workflow_execution
from tests.seed_documents.served import EVENTS
from tests.servers import ServersForTests, fresh_database, fresh_redis
from tests.whole_system import publish

THEM = "the others"
#: One of each kind of theirs; none is an id of ours of any kind.
FOREIGN_IDS = (
    odd_attempts.EXECUTION_ID,
    odd_attempts.AGENT_ID,
    odd_attempts.BATCH_ID,
    odd_attempts.FLOW_ID,
    "elsewhere",
    "whole",
    "run alone",
    "message 0",
    "skipped",
    THEM,
)
_EXECUTION = "/program-execution/{execution_id:str}"
_EXPORT = f"{_EXECUTION}/exports/{{export_id:str}}"
_ACCOUNT = "/v1/accounts/{account_id:str}"
_WORKFLOW = f"{_ACCOUNT}/workflows/{{workflow_id:str}}"
_RUN = f"{_WORKFLOW}/executions/{{execution_id:str}}"
#: What is in each place of the routes with several, by the route up to the place.
OURS = {
    _EXECUTION: "batch run",
    _ACCOUNT: US,
    _WORKFLOW: workflow_execution.WORKFLOW_ID,
    _RUN: workflow_execution.EXECUTION_ID,
}
THEIRS = {
    _EXECUTION: odd_attempts.EXECUTION_ID,
    _ACCOUNT: THEM,
    _WORKFLOW: odd_attempts.FLOW_ID,
    _RUN: "run alone",
}
#: Lists of ours that a foreign id may narrow.
FILTERS = (
    "/program-execution/batch%20run/report/calls?contactId=",
    f"/v2/agent/{call_execution.AGENT_ID}/executions?batch_id=",
    f"/v1/accounts/{US}/workflows/{workflow_execution.WORKFLOW_ID}/executions?contactId=",
)
#: Headers that say when and how often, not what; a length follows from the id in a message.
_PASSING = {"date", "content-length", "ratelimit", "x-callfold-as-of"}
#: Keys are looked up again every few seconds, whatever is asked.
_KEY_TABLE = "api_keys"

_NUMBERS = count()
_statements: ContextVar[list[str] | None] = ContextVar("statements", default=None)


@dataclass(frozen=True)
class Asked:
    """An answer without what differs between any two, and the statements that it took."""

    status: int
    headers: dict[str, str]
    body: str
    statements: list[str] = field(default_factory=list)


class Caller:
    """Asks the application with one organization's key."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self._client = client
        self._key = key

    async def ask(
        self, method: str, path: str, ids: Iterable[str], etag: str | None = None
    ) -> Asked:
        """Ask; the ids are blotted out of what comes back."""
        headers = {"x-api-key": self._key} | ({"if-none-match": etag} if etag else {})
        noted: list[str] = []
        token = _statements.set(noted)
        body = b"{}" if method == "POST" else None
        answer = await self._client.request(method, path, headers=headers, content=body)
        _statements.reset(token)
        text = answer.text
        for id_ in ids:
            text = text.replace(encoded(id_), "…").replace(id_, "…")
        told = {k: v for k, v in answer.headers.items() if k not in _PASSING}
        return Asked(answer.status_code, told, text, noted)


@pytest.fixture(scope="module")
def folded(servers: ServersForTests) -> Iterator[Installation]:
    """An installation that has folded what both organizations published."""
    redis_url = fresh_redis(servers)
    with (
        fresh_database(servers) as database_url,
        installation(redis_url, database_url) as running,
    ):
        migrate(database_url, PARTITIONS_DEFAULT)
        running.start_projector()
        publish(redis_url, [*EVENTS, *odd_attempts.odd_events(THEM)], seed=1)
        running.wait_until_folded()
        yield running


@asynccontextmanager
async def served(
    running: Installation, patch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Litestar, httpx.AsyncClient]]:
    """The read API in this process, with its routes."""
    built: list[Litestar] = []

    def keep(*args: Any, **settings: Any) -> Litestar:
        built.append(Litestar(*args, **settings))
        return built[-1]

    patch.setattr(read_api, "Litestar", keep)
    note_statements(patch)
    application: Any = read_api.build(
        Settings(
            database_url=SecretStr(running.database_url), redis_url=SecretStr(running.redis_url)
        )
    )
    transport = httpx.ASGITransport(app=application)
    async with (
        built[0].lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://a") as c,
    ):
        yield built[0], c


def note_statements(patch: pytest.MonkeyPatch) -> None:
    """Note the text of each statement under the request that asks it."""
    fetch_one, execute = ReportConnections.fetch_one, psycopg.AsyncConnection.execute

    def note(text: Any) -> None:
        noted = _statements.get()
        if noted is not None and _KEY_TABLE not in str(text):
            noted.append(str(text))

    async def fetch_one_noted(self: Any, text: str, parameters: Any) -> Any:
        note(text)
        return await fetch_one(self, text, parameters)

    async def execute_noted(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        note(query)
        return await execute(self, query, *args, **options)

    patch.setattr(ReportConnections, "fetch_one", fetch_one_noted)
    patch.setattr(psycopg.AsyncConnection, "execute", execute_noted)


def routes_with_ids(application: Litestar) -> dict[str, set[str]]:
    """Methods of every route that has an id in its path."""
    return {
        route.path: set(route.methods - {"OPTIONS"})
        for route in application.routes
        if "{" in route.path
    }


class Path:
    """One path twice: with foreign ids, and with ids that nobody has."""

    def __init__(
        self,
        parts: list[str],
        foreign: dict[int, str],
        nobodys: dict[int, str],
        *,
        all_theirs: bool = False,
    ) -> None:
        self.all_theirs = all_theirs
        self.ids = [*foreign.values(), *nobodys.values()]
        self.foreign, self.nobodys = (
            "/".join(encoded(ids[n]) if n in ids else part for n, part in enumerate(parts))
            for ids in (foreign, nobodys)
        )


def paths(route: str, export_ids: dict[str, str]) -> Iterator[Path]:
    """A route with each foreign id in each place, ours in the others; and theirs in all."""
    parts = route.split("/")
    holes = [number for number, part in enumerate(parts) if part.startswith("{")]
    prefixes = {number: "/".join(parts[: number + 1]) for number in holes}
    ours = {n: OURS.get(prefixes[n], export_ids[US]) for n in holes}
    theirs = {n: THEIRS.get(prefixes[n], export_ids[THEM]) for n in holes}
    for hole in holes:
        for id_ in (*FOREIGN_IDS, export_ids[THEM]):
            yield Path(parts, {**ours, hole: id_}, {**ours, hole: _nobodys()})
    yield Path(parts, theirs, {hole: _nobodys() for hole in holes}, all_theirs=True)


def _nobodys() -> str:
    return f"nobody's {next(_NUMBERS)}"


async def asked_exports(callers: dict[str, Caller]) -> dict[str, str]:
    """Both organizations ask for an export in the background, so that there are ids of these."""
    ids = {}
    for (organization_id, caller), owned in zip(callers.items(), (OURS, THEIRS), strict=True):
        path = f"/program-execution/{encoded(owned[_EXECUTION])}/exports"
        answer = await caller.ask("POST", path, [])
        assert answer.status == 202, answer
        ids[organization_id] = loads(answer.body)["exportId"]
    return ids


async def test_foreign_ids_are_unknown_at_every_route(
    folded: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status, headers, body and statements are those for an id that nobody has."""
    found: list[str] = []
    reached: set[str] = set()
    async with served(folded, monkeypatch) as (application, client):
        callers = {each: Caller(client, folded.key(each)) for each in (US, THEM)}
        exports = await asked_exports(callers)
        routes = routes_with_ids(application)
        for route, methods in routes.items():
            for path in paths(route, exports):
                known = await callers[THEM].ask("HEAD", path.foreign, path.ids)
                if known.status < 500 and known.status != httpx.codes.NOT_FOUND:
                    reached.add(route)
                for method in methods if path.all_theirs else methods - {"HEAD"}:
                    etag = known.headers.get("etag")
                    foreign = await callers[US].ask(method, path.foreign, path.ids, etag)
                    expected = await callers[US].ask(method, path.nobodys, path.ids, etag)
                    if foreign != expected or foreign.status != httpx.codes.NOT_FOUND:
                        found.append(f"{method} {path.foreign}: {foreign} is not {expected}")
    assert not found, "\n".join(found[:10])
    assert reached == set(routes), "nothing of theirs is there"


async def test_foreign_ids_narrow_lists_as_unknown_ones_do(
    folded: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is found under them, and as much is asked."""
    async with served(folded, monkeypatch) as (_, client):
        ours = Caller(client, folded.key(US))
        # The first request of all also looks up which generation is live.
        await ours.ask("GET", FILTERS[0] + _nobodys(), [])
        for path in FILTERS:
            for id_ in FOREIGN_IDS:
                ids = [id_, _nobodys()]
                foreign, expected = [
                    await ours.ask("GET", path + encoded(each), ids) for each in ids
                ]
                assert foreign == expected
                assert foreign.status == httpx.codes.OK
