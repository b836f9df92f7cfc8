"""Every error that Callfold raises on purpose, as one tree.

CallfoldError
├── ContractError            an event that cannot be accepted (parked with its reason)
├── SettingsError            the environment asks for something impossible
├── StorageError
│   ├── FencedError          another owner holds a lane: our batch was rolled back
│   ├── StaleStateError      a state changed behind our cache: our batch was rolled back
│   ├── SegmentError         a log segment is damaged: checksum, version or dictionary
│   └── GenerationError      a generation is missing, or belongs to another fold version
├── UnreadStreamError        a stream holds too much before its cursor to be added again
├── PublishError             Redis did not take an event within the publisher's patience
├── FoldFailedError          our own code failed on an event (projections/folding.py)
└── of the command line, beside their code: EmbeddedServerError, SupervisorError, DemoError,
    ReportUnavailableError, LogFileError, UnknownSubjectError, TooManyCallsError,
    NoSuchExecutionError, RecomputationError

The class docstring is the default message.
"""

from typing import Final

#: What is missing where none of our tables is there, and what to do.
NOT_LAID_OUT: Final = (
    "the database is not laid out for Callfold yet; `callfold migrate` or a projector does that"
)

#: Of a detail that quotes what was published: it is logged, and kept beside the bytes.
_DETAIL_PART_CHARS: Final = 250


class CallfoldError(Exception):
    """Something Callfold knows about went wrong."""

    def __str__(self) -> str:
        """The message given, else the first line of the class docstring."""
        return super().__str__() or (self.__doc__ or "").strip().splitlines()[0]


class ContractError(CallfoldError):
    """The event does not follow the contract."""

    def __init__(self, reason: str, detail: str) -> None:
        """`reason` is a value of `ParkReason`; `detail` is for the publisher's engineer.

        A long one, which quotes what was published, keeps its begin, and its end: the path.
        """
        if len(detail) > 2 * _DETAIL_PART_CHARS:
            detail = f"{detail[:_DETAIL_PART_CHARS]} … {detail[-_DETAIL_PART_CHARS:]}"
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class SettingsError(CallfoldError):
    """A setting is missing or impossible."""


class StorageError(CallfoldError):
    """The database does not hold what we expect."""


class FencedError(StorageError):
    """Another owner holds the lane."""

    def __init__(self, lanes: frozenset[int]) -> None:
        """`lanes` are those that must be let go."""
        super().__init__(f"lanes {sorted(lanes)} are held by another owner or moved on")
        self.lanes = lanes


class StaleStateError(StorageError):
    """A state was changed by another writer since it was read."""


class SegmentError(StorageError):
    """A segment of the log is damaged or of an unknown version."""


class GenerationError(StorageError):
    """The generation does not exist or belongs to another fold version."""


class UnreadStreamError(CallfoldError):
    """The stream holds too much before its cursor that was never archived."""


class PublishError(CallfoldError):
    """Redis did not take the event."""
