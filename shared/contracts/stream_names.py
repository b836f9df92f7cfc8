"""Where events travel: the names of streams and keys, and which partition a subject lives in."""

from typing import Final
from zlib import crc32

#: All our keys and channels begin so.
KEYS_PREFIX: Final = "callfold:"
#: Publishers that cannot compute the partition write here.
INBOX_STREAM: Final = "callfold:inbox"
#: Holds N, the number of partitions, as decimal text.
PARTITIONS_KEY: Final = "callfold:partitions"
#: Consumer group that only advertises how far a stream is archived.
WATERMARK_GROUP: Final = "callfold"
#: Projectors tell each other here that one came or went, so that lanes are shared anew at once.
CONTROL_CHANNEL: Final = "callfold:control"
#: Names of the counts of requests by key begin so; they are no streams and go by themselves.
LIMITS_PREFIX: Final = "callfold:limits"
#: The lane number of the inbox; partitions are lanes 0 … N-1.
INBOX_LANE: Final = -1


def partition_of(subject: str, partitions: int) -> int:
    """CRC-32 of the subject's UTF-8 bytes, modulo N (events.md, "On a Redis stream")."""
    return crc32(subject.encode()) % partitions


def partition_stream(partition: int) -> str:
    """The stream of a partition; its braces are literal, a Redis Cluster hash tag."""
    return f"callfold:{{{partition}}}:events"


def lane_stream(lane: int) -> str:
    """The stream that a lane reads: a partition's, or the inbox."""
    return INBOX_STREAM if lane == INBOX_LANE else partition_stream(lane)


def aside_stream(lane: int) -> str:
    """Where the entries of a lane wait that an operator adds again: in the slot of its stream."""
    if lane == INBOX_LANE:
        return f"{KEYS_PREFIX}aside:{{{INBOX_STREAM}}}"
    return f"{partition_stream(lane)}:aside"


def foreign_key(lane: int) -> str:
    """Where a key goes that stood at the name of a lane's stream and is none."""
    if lane == INBOX_LANE:
        return f"{KEYS_PREFIX}foreign:{{{INBOX_STREAM}}}"
    return f"{partition_stream(lane)}:foreign"


def lane_word(lane: int) -> str:
    """A lane as operators write it."""
    return "inbox" if lane == INBOX_LANE else str(lane)
