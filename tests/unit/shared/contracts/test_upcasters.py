"""Versions of payloads: known, unknown, unreadable."""

import pytest

from shared.contracts.park_reasons import ParkReason
from shared.contracts.upcasters import NEWEST_VERSION, check_version
from shared.errors import ContractError


@pytest.mark.parametrize("schema", ("/v1", "https://events.example/call.ended/v1", "/v2/v1"))
def test_known_version_passes(schema: str) -> None:
    """The number at the end decides, whatever stands before it."""
    check_version(schema)


@pytest.mark.parametrize(
    ("schema", "reason"),
    (
        (f"/v{NEWEST_VERSION + 1}", ParkReason.UNSUPPORTED_SCHEMA),
        ("/v0", ParkReason.UNSUPPORTED_SCHEMA),
        ("", ParkReason.MALFORMED_ATTRIBUTE),
        ("/v", ParkReason.MALFORMED_ATTRIBUTE),
        ("/v1/", ParkReason.MALFORMED_ATTRIBUTE),
        ("/v1.0", ParkReason.MALFORMED_ATTRIBUTE),
        ("/v-1", ParkReason.MALFORMED_ATTRIBUTE),
        ("/v1\n", ParkReason.MALFORMED_ATTRIBUTE),
        ("/v99999", ParkReason.MALFORMED_ATTRIBUTE),
    ),
)
def test_other_version_is_refused(schema: str, reason: ParkReason) -> None:
    """A newer version waits parked for its release; one that cannot be read is malformed."""
    with pytest.raises(ContractError) as caught:
        check_version(schema)

    assert reason == caught.value.reason
    assert "dataschema" in caught.value.detail
