"""Ids of every shape are reachable; what is no route or no id is not found."""

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from tests.integration.services.read_api.given import Generation
from tests.integration.services.read_api.process import ReadApi

_NEST = {"statusCode": 404, "error": "Not Found", "message": "{}"}
_UNKNOWN = {"statusCode": 404, "message": "Execution not found", "error": "Not Found"}


@pytest.mark.parametrize(
    "execution_id", ("a/b", "a%2Fb", "..", ".", "ü", "a b", "a+b", "100%", "?x=1", "a//b", "'\"")
)
def test_any_id_percent_encoded_is_reachable(
    read_api: ReadApi, generation: Generation, key: str, execution_id: str
) -> None:
    """The id is taken from the path as sent and decoded once (reports.md, Common rules)."""
    generation.of(execution_id).mention()
    target = f"/program-execution/{quote(execution_id, safe='')}/report"
    answer = read_api.get(target, key)
    assert (200, execution_id) == (answer.status, answer.json["executionId"])
    for report in ("calls", "breakdown", "node-stats", "billing"):
        assert read_api.get(f"{target}/{report}", key).status == 200


@pytest.mark.parametrize(
    ("encoded", "execution_id"),
    (("%2E%2e%2E", "..."), ("....", "...."), ("%63", "c"), ("%2525", "%25")),
)
def test_needless_encoding_reaches_the_same_id(
    read_api: ReadApi, generation: Generation, key: str, encoded: str, execution_id: str
) -> None:
    """Every character may be encoded, in either case of the digits."""
    generation.of(execution_id).mention()
    answer = read_api.get(f"/program-execution/{encoded}/report", key)
    assert (200, execution_id) == (answer.status, answer.json["executionId"])


@pytest.mark.parametrize("encoded", ("%00", "%FF", "%0A", "x" * 129, "%ED%A0%80"))
def test_what_cannot_be_an_id_is_an_unknown_execution(
    read_api: ReadApi, key: str, encoded: str
) -> None:
    """Control characters, bytes that are not UTF-8 and long texts never reach the database."""
    answer = read_api.get(f"/program-execution/{encoded}/report", key)
    assert (404, _UNKNOWN) == (answer.status, answer.json)


@pytest.mark.parametrize(
    ("target", "body"),
    (
        (
            "/program-execution/a/reports",
            {"statusCode": 404, "error": "Not Found", "message": "{}"},
        ),
        ("/call-report", {"statusCode": 404, "error": "Not Found", "message": "{}"}),
        ("/api/v1/campaigns/a/b", {"detail": "{}"}),
        ("/v2/agent/a", {"error": 404, "message": "{}"}),
        (
            "/v1/accounts/a/b",
            {"success": False, "error": {"code": "WORK-404", "message": "{}"}},
        ),
        ("/nowhere", {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "{}"}),
    ),
)
def test_unknown_route_is_not_found(
    read_api: ReadApi, key: str, target: str, body: dict[str, Any]
) -> None:
    """A path that no route has is 404 in the shape of the interface that it lies in, or ours."""
    answer = read_api.get(target, key)
    said = msgspec.json.encode(body).decode().replace("{}", f"Cannot GET {target}")
    assert (404, msgspec.json.decode(said)) == (answer.status, answer.json)


def test_wrong_method_is_refused(read_api: ReadApi, key: str) -> None:
    """Reports are read, not written."""
    answer = read_api.get("/program-execution/a/report", key, method="POST")
    assert (405, 405) == (answer.status, answer.json["statusCode"])
