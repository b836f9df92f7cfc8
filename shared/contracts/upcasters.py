"""Lifts payloads of older versions to the newest, so that folds know one shape only.

The version is the number that ends `dataschema` (`…/v1` when absent). Version 1 is the only one,
so there is nothing to lift yet; another number is parked until a release knows it.
"""

import re
from typing import Final

from shared.contracts.park_reasons import ParkReason
from shared.errors import ContractError

NEWEST_VERSION: Final = 1
_VERSION = re.compile(r"/v([0-9]{1,4})\Z")


def check_version(dataschema: str) -> None:
    """Raise ContractError where `dataschema` names a version that this release does not know."""
    found = _VERSION.search(dataschema)
    if found is None:
        raise ContractError(
            ParkReason.MALFORMED_ATTRIBUTE, "`dataschema` must end in its version, such as /v1"
        )
    if int(found[1]) != NEWEST_VERSION:
        raise ContractError(
            ParkReason.UNSUPPORTED_SCHEMA,
            f"`dataschema` names version {int(found[1])}; known is {NEWEST_VERSION}",
        )
