"""One HTTP request on a connection of its own, sent exactly as written, and what comes back."""

import http.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body; money and rates as the floats that any client would see."""
        return msgspec.json.decode(self.body)


def ask(
    port: int,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes | Iterable[bytes] | None = None,
) -> Answer:
    """Ask; a body that is an iterable goes in chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        connection.request(method, target, body, dict(headers))
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())
    finally:
        connection.close()


def named_headers(headers: Mapping[str, str], key: str | None) -> dict[str, str]:
    """Headers from arguments (`if_none_match` is `if-none-match`), with the API key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return named if key is None else {**named, "x-api-key": key}
