"""From the body of a request to the bytes of its events, by media type.

The publisher's bytes are handed on as they are; only binary mode, whose attributes are headers, is
put together here.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Raw

from services.ingest.lenient_json import elements_of, value_of
from shared.limits import HTTP_EVENTS_MAX
from shared.web_edge.refusals import BadRequest, TooLarge, UnsupportedMediaType

Headers = Iterable[tuple[bytes, bytes]]


class MediaType(StrEnum):
    """What a body may be; `JSON` only with the headers of CloudEvents' binary mode."""

    EVENT = "application/cloudevents+json"
    BATCH = "application/cloudevents-batch+json"
    LINES = "application/x-ndjson"
    JSON = "application/json"


_ACCEPTED: Final = (
    f"accepted are {MediaType.EVENT}, {MediaType.BATCH}, {MediaType.LINES}, and {MediaType.JSON}"
    " with the ce- headers of CloudEvents' binary mode, in UTF-8"
)
_ATTRIBUTE_PREFIX = b"ce-"
_CHARSET = re.compile(r""";\s*charset\s*=\s*"?([^\s;"]*)""", re.IGNORECASE)
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")

_decode_value = msgspec.json.Decoder(Raw).decode
_decode_batch = msgspec.json.Decoder(list[Raw]).decode
_encode = msgspec.json.Encoder().encode


def media_type_of(headers: Headers) -> MediaType:
    """What the body is said to be.

    Raises:
        UnsupportedMediaType: something else, or compressed; the message names what is accepted.
    """
    headers = list(headers)
    said = _header(headers, b"content-type") or ""
    coding = _header(headers, b"content-encoding")
    if coding is not None and coding.lower() != "identity":
        raise UnsupportedMediaType("send the body as it is, without content-encoding")
    essence = said.partition(";")[0].strip().lower()
    charset = _CHARSET.search(said)
    if essence not in set(MediaType) or (charset and charset[1].lower() != "utf-8"):
        raise UnsupportedMediaType(_ACCEPTED)
    media_type = MediaType(essence)
    if media_type is MediaType.JSON and not any(
        name.startswith(_ATTRIBUTE_PREFIX) for name, _ in headers
    ):
        raise UnsupportedMediaType(_ACCEPTED)
    return media_type


def raw_events(media_type: MediaType, headers: Headers, body: bytes) -> Sequence[Raw | bytes]:
    """The bytes of each event, good or bad, in order.

    Raises:
        BadRequest: the body as a whole is not what it is said to be.
        TooLarge: there are more events than a request may carry.
    """
    match media_type:
        case MediaType.EVENT:
            return [_json_value(body)]
        case MediaType.JSON:
            return [_composed(headers, body)]
        case MediaType.BATCH:
            return _within_limit(_batch(body))
        case MediaType.LINES:
            # A line feed is part of no character but itself, and of no JSON text on one line.
            return _within_limit([line for line in body.split(b"\n") if line.strip()])


def _within_limit(events: Sequence[Raw | bytes]) -> Sequence[Raw | bytes]:
    if len(events) > HTTP_EVENTS_MAX:
        raise TooLarge(f"{len(events)} events; the limit of a request is {HTTP_EVENTS_MAX}")
    return events


def _json_value(body: bytes) -> bytes:
    try:
        return bytes(_decode_value(body))
    except (ValueError, RecursionError) as error:
        with suppress(ValueError, RecursionError):
            return value_of(body)
        raise BadRequest(f"the body is not JSON: {error}") from None


def _batch(body: bytes) -> Sequence[Raw | bytes]:
    try:
        return _decode_batch(body)
    except msgspec.ValidationError:
        raise BadRequest("the body of a batch must be a JSON array") from None
    except (ValueError, RecursionError) as error:
        with suppress(ValueError, RecursionError):
            return elements_of(body)
        raise BadRequest(f"the body is not JSON: {error}") from None


def _composed(headers: Headers, body: bytes) -> bytes:
    """The event of binary mode as a structured one; without a body it has no `data`."""
    event: dict[str, Any] = {}
    for name, value in headers:
        if not name.startswith(_ATTRIBUTE_PREFIX):
            continue
        attribute = name.removeprefix(_ATTRIBUTE_PREFIX).decode("latin-1")
        if attribute in event:
            raise BadRequest(f"header ce-{attribute} must be given once")
        try:
            event[attribute] = unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            raise BadRequest(f"header ce-{attribute} must be percent-encoded UTF-8") from None
    if _PLAIN_INTEGER.fullmatch(event.get("sequence", "")):
        event["sequence"] = int(event["sequence"])
    if body.strip():
        event["data"] = Raw(_json_value(body))
    return _encode(event)


def _header(headers: Headers, wanted: bytes) -> str | None:
    for name, value in headers:
        if name == wanted:
            return value.decode("latin-1").strip()
    return None
