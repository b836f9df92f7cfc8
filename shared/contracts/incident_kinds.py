"""What can be lost, and how it is seen, one word each (architecture.md, point 11)."""

from enum import StrEnum


class IncidentKind(StrEnum):
    """The kind kept with an incident; its detail says what was found and what to do."""

    #: Entries were removed that we did not remove: by XTRIM, by MAXLEN at XADD, or by XDEL.
    TRIMMED = "trimmed"
    #: The stream holds less than was read from it: deleted, recreated, restored older, or Redis
    #: came back without its last writes.
    RECREATED = "recreated"
    #: An entry's id is beyond what a position can be: the stream had to begin anew before it.
    ID_OUT_OF_RANGE = "id_out_of_range"
    #: A key of another type stood where a stream belongs; publishers were refused.
    WRONG_TYPE = "wrong_type"
    #: Somebody else wrote another number of partitions where publishers read it.
    PARTITIONS_CHANGED = "partitions_changed"
    #: Numbers of a source's `sequence` are missing below higher ones (events.md, section 1).
    SEQUENCE_GAP = "sequence_gap"
    #: Same source and id, other content (events.md, rule 2): the first one archived stands.
    CONFLICT = "conflict"
