"""Why an event is parked (events.md, rule 7), one word each."""

from enum import StrEnum
from typing import Final


class ParkReason(StrEnum):
    """The reason kept with a parked event; its `detail` says what and where."""

    NOT_JSON = "not_json"
    MISSING_ATTRIBUTE = "missing_attribute"
    MALFORMED_ATTRIBUTE = "malformed_attribute"
    UNKNOWN_TYPE = "unknown_type"
    WRONG_SHAPE = "wrong_shape"
    NUL_CHARACTER = "nul_character"
    TOO_LARGE = "too_large"
    UNSUPPORTED_SCHEMA = "unsupported_schema"
    #: Our own code failed on an event that decodes.
    FOLD_FAILED = "fold_failed"
    #: The database refused what the event means.
    DATABASE_REFUSED = "database_refused"
    #: The process died twice with this event at hand.
    CRASHED = "crashed"


#: Verdicts of ours, not of the contract: another lane or release may come to another.
OUR_REASONS: Final = frozenset(
    {ParkReason.FOLD_FAILED, ParkReason.DATABASE_REFUSED, ParkReason.CRASHED}
)
