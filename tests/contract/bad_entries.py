"""One entry for each way to break the contract, with the reason it must be parked with.

Used by the codec's tests, by those of the schemas, and by those of a real projector.
"""

from typing import Final

from shared.contracts.park_reasons import ParkReason
from tests.contract.bad_envelopes import bad_attributes, bad_fields, unknown_types
from tests.contract.bad_payloads import bad_payloads
from tests.contract.bad_texts import bad_texts, not_json
from tests.contract.wire import BadEntry

BAD_ENTRIES: Final = (
    *not_json(),
    *bad_attributes(),
    *unknown_types(),
    *bad_payloads(),
    *bad_texts(),
    *bad_fields(),
)

#: Rules that JSON Schema has no word for, by a part of the entry's name.
_BEYOND_SCHEMAS = (
    "too many bytes", "as 1.0", "258 bytes", "unknown zone", "executionid of another",
    "dataschema", "U+0000 in an unknown", "U+0000 in a text", "U+0000 in handed", "U+0000 after",
    "1e400", "amount 1e12", "amount 0.0", "amount 1e-", "amount 1.0000", "24:00", "over the limit",
    "9999", "0000-01-01", "0001-01-01",
)  # fmt: skip


def _says_a_schema(bad: BadEntry) -> bool:
    if bad.reason is ParkReason.NOT_JSON or bad.fields[0] != b"event":
        return False
    return not any(part in bad.name for part in _BEYOND_SCHEMAS)


#: Those that the published schemas refuse as well.
BAD_IN_SCHEMAS: Final = tuple(filter(_says_a_schema, BAD_ENTRIES))
