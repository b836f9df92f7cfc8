"""A report as an HTTP answer: encoded once, with its ETag and how far it is up to date."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from litestar.response.base import ASGIResponse
from xxhash import xxh3_128_hexdigest

from shared.contracts.instants import us_text_ms
from shared.storage.report_queries import Snapshot

AS_OF_HEADER = "x-callfold-as-of"
JSON_MEDIA_TYPE = "application/json"

_encode = msgspec.json.Encoder().encode


def report_answer(
    report: msgspec.Struct,
    snapshot: Snapshot[Any],
    request_headers: Iterable[tuple[bytes, bytes]],
    more_headers: Mapping[str, str] | None = None,
) -> ASGIResponse:
    """200 with the report, or 304 where the client has these very bytes."""
    body = _encode(report)
    etag = f'"{snapshot.generation}-{xxh3_128_hexdigest(body)}"'
    headers = {"etag": etag, "cache-control": "private, no-cache", **(more_headers or {})}
    if snapshot.as_of_ms is not None:
        headers[AS_OF_HEADER] = us_text_ms(snapshot.as_of_ms * 1000)
    if _matches(request_headers, etag):
        return ASGIResponse(status_code=304, headers=headers)
    return ASGIResponse(body=body, headers=headers, media_type=JSON_MEDIA_TYPE)


def _matches(request_headers: Iterable[tuple[bytes, bytes]], etag: str) -> bool:
    """Whether `If-None-Match` holds the tag; it compares weakly (RFC 9110, section 13.1.2)."""
    for name, value in request_headers:
        if name == b"if-none-match":
            tags = [tag.strip().removeprefix("W/") for tag in value.decode("latin-1").split(",")]
            if etag in tags or "*" in tags:
                return True
    return False
