"""Asks a running installation over HTTP: its reports, and how much its projectors have folded.

Used by `callfold demo`, which reads everything the way a customer or a monitoring system would.
"""

import http.client
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

from prometheus_client.parser import text_string_to_metric_families

from shared.errors import CallfoldError
from shared.metric_names import DUPLICATES, ENTRIES

_ANSWER_S = 30.0
_AS_OF_HEADER = "X-Callfold-As-Of"


class ReportUnavailableError(CallfoldError):
    """The read API does not answer, or not with a report."""


@dataclass(frozen=True, slots=True)
class ReportAnswer:
    """A report as it is now."""

    body: dict[str, Any]  #: amounts are Decimal
    as_of: datetime | None  #: all entries up to then are in it; None where some lane never was read


class ReportReader:
    """Reads the reports of one execution with an API key."""

    def __init__(self, read_api_url: str, api_key: str, execution_id: str) -> None:
        self._read_api_url = read_api_url
        self._api_key = api_key
        self._execution_path = f"/program-execution/{quote(execution_id, safe='')}/report"

    def url(self, name: str = "") -> str:
        """The address of a report: `""` is the main one, else `breakdown` and so on."""
        return self._read_api_url + self._path(name)

    def read(self, name: str = "") -> ReportAnswer | None:
        """The report as it is now; None for an execution that is not known (yet).

        Raises:
            ReportUnavailableError: another answer than a report, or none.
        """
        status, headers, body = _get(self.url(name), {"x-api-key": self._api_key})
        if status == http.client.NOT_FOUND:
            return None
        if status != http.client.OK:
            words = body.decode("utf-8", "replace").strip().splitlines()
            raise ReportUnavailableError(
                f"{self.url(name)} answered {status}: {words[0] if words else 'nothing'}"
            )
        as_of = headers.get(_AS_OF_HEADER)
        return ReportAnswer(
            json.loads(body, parse_float=Decimal),
            None if as_of is None else datetime.fromisoformat(as_of),
        )

    def require(self, name: str = "") -> dict[str, Any]:
        """The body of the report.

        Raises:
            ReportUnavailableError: there is none.
        """
        answer = self.read(name)
        if answer is None:
            raise ReportUnavailableError(f"{self.url(name)} does not know the execution")
        return answer.body

    def _path(self, name: str) -> str:
        return f"{self._execution_path}/{name}" if name else self._execution_path


@dataclass(frozen=True, slots=True)
class Folded:
    """What the projectors have committed since they were started."""

    entries: int = 0
    duplicates: int = 0


def folded(probe_urls: Sequence[str]) -> Folded | None:
    """The sum over all projectors; None while one of them does not answer."""
    entries = duplicates = 0.0
    for probe_url in probe_urls:
        try:
            _, _, body = _get(f"{probe_url}/metrics", {})
        except ReportUnavailableError:
            return None
        samples = {
            sample.name: sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
        }
        entries += samples.get(ENTRIES[0], 0)
        duplicates += samples.get(DUPLICATES[0], 0)
    return Folded(int(entries), int(duplicates))


def _get(url: str, headers: dict[str, str]) -> tuple[int, http.client.HTTPMessage, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_ANSWER_S)
    try:
        connection.request("GET", parts.path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ReportUnavailableError(f"{url} does not answer: {error}") from error
    finally:
        connection.close()
