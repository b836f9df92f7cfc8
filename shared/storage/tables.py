"""All tables, in one place (SQLAlchemy Core); lost events and signing keys have theirs beside it.

`callfold` is the schema of what no rebuild replaces: the log, lanes, keys. A generation of the
projections lives in a schema of its own, `gen_1`, `gen_2` …; its tables are declared here under
the placeholder `GENERATION`, which `schema_translate_map` replaces.

Instants of events are `bigint` microseconds since the epoch (`…_us`): exact over all years that
the contract allows, and written without a conversion per value. Text is `COLLATE "C"`.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

import shared.storage.export_tables
import shared.storage.loss_tables
import shared.storage.signing_key_table
import shared.storage.tally_tables  # noqa: F401 -- all register tables with the metadata
from shared.contracts.event_types import Kind
from shared.storage.table_columns import (
    GENERATION,
    SCHEMA,
    count_column,
    generation_metadata,
    installation_metadata,
    instant_column,
    key_column,
    position_columns,
    text_column,
)

__all__ = ["GENERATION", "SCHEMA", "generation_metadata", "installation_metadata"]

# ---- the installation -------------------------------------------------------------------------

#: One row: what everything else depends on.
installation = Table(
    "installation",
    installation_metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1"), primary_key=True),
    Column("partitions", Integer, nullable=False),
    Column("live_generation", Integer, nullable=False),
)

generations = Table(
    "generations",
    installation_metadata,
    Column("generation", Integer, primary_key=True),
    Column("fold_version", Integer, nullable=False),
    instant_column("created_at"),
    #: `building`: written by a rebuild alone; `complete`: followed by projectors.
    Column("state", Text(collation="C"), nullable=False, server_default="complete"),
    #: When another one was made live in its place; null before.
    Column("live_until", DateTime(timezone=True)),
)

dictionaries = Table(
    "log_dictionaries",
    installation_metadata,
    Column("version", Integer, primary_key=True),
    Column("dictionary", LargeBinary, nullable=False),
)

#: The log of record: stream entries as they came, compressed by the batch.
segments = Table(
    "log_segments",
    installation_metadata,
    Column("partition", Integer, primary_key=True),
    *position_columns("first_", primary_key=True),
    *position_columns("last_"),
    Column("events", Integer, nullable=False),
    Column("organizations", ARRAY(Text(collation="C")), nullable=False),
    Column("sources", JSONB, nullable=False),
    Column("partitions", Integer, nullable=False),
    Column("dictionary", Integer, nullable=False),
    Column("checksum", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    postgresql_partition_by="RANGE (first_ms)",
)

#: How far each stream is archived. A lane is a partition, or the inbox (-1).
lanes = Table(
    "lanes",
    installation_metadata,
    Column("lane", Integer, primary_key=True),
    *position_columns(),
    #: Entries read since the stream began; what the watermark group advertises.
    count_column("entries_read"),
    #: Up to here an idle lane was seen empty, in milliseconds of Redis' clock.
    Column("vouched_ms", BigInteger, nullable=False, server_default="0"),
    #: Entries that the stream counted up to here and nobody read: lost ones. Added to
    #: `entries_read` it is the stream's own count; negative after the stream began anew.
    Column("entries_unread", BigInteger, nullable=False, server_default="0"),
    postgresql_with={"fillfactor": "50"},
)

#: Who owns a lane. The unique epoch makes FOR KEY SHARE block a takeover, but not a renewal.
leases = Table(
    "leases",
    installation_metadata,
    Column("lane", Integer, primary_key=True),
    Column("owner", Text(collation="C")),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    #: Takeovers in a row after an owner that died without a commit.
    Column("unclean_deaths", Integer, nullable=False, server_default="0"),
    #: Open breaker: archive without folding until released; says why.
    Column("archive_only", Text(collation="C")),
    #: False while its owner suspects the lane and has nothing of it: a death is not its fault.
    Column("at_hand", Boolean, nullable=False, server_default=true()),
    #: Whose death was counted when the lane was taken; NULL where none was.
    Column("accused", Text(collation="C")),
    Index("leases_epoch", "lane", "epoch", unique=True),
    postgresql_with={"fillfactor": "50"},
)

#: Projectors alive, so that each can compute its fair share of lanes.
projectors = Table(
    "projectors",
    installation_metadata,
    key_column("projector"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    postgresql_with={"fillfactor": "50"},
)

#: Events that could not be folded (events.md, rule 7): one row per lane and distinct content.
parked = Table(
    "parked_events",
    installation_metadata,
    Column("lane", Integer, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    text_column("reason"),
    text_column("detail"),
    text_column("organization_id", nullable=True),
    text_column("source", nullable=True),
    text_column("event_type", nullable=True),
    text_column("subject", nullable=True),
    *position_columns("first_"),
    *position_columns("last_"),
    count_column("entries"),
    text_column("mode"),
    Column("length_bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    #: The first MiB; left out of a source over its quota where the log holds it.
    Column("body", LargeBinary),
    instant_column("parked_at"),
    #: What an operator decided; all null while the event is open, and again once it comes again.
    Column("resolved_at", DateTime(timezone=True)),
    #: `retried` or `discarded`.
    text_column("resolution", nullable=True),
    text_column("resolved_by", nullable=True),
    #: Why, in the operator's words.
    text_column("note", nullable=True),
    #: Id of the event that was published in its place.
    text_column("retried_as", nullable=True),
)

#: Same organization, kind, subject, source and id, but different content (events.md, rule 2).
conflicts = Table(
    "conflicting_events",
    installation_metadata,
    Column("lane", Integer, primary_key=True),
    *position_columns(primary_key=True),
    text_column("organization_id"),
    text_column("kind"),
    text_column("subject"),
    text_column("source"),
    text_column("event_id"),
    *position_columns("first_"),
    instant_column("found_at"),
)

api_keys = Table(
    "api_keys",
    installation_metadata,
    key_column("key_id"),
    text_column("organization_id"),
    text_column("name"),
    Column("secret_sha256", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text(collation="C")), nullable=False),
    instant_column("created_at"),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
)

#: Who did what by the command line; a row is written before the deed, its outcome after it.
audit = Table(
    "audit",
    installation_metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    instant_column("at"),
    text_column("who"),
    text_column("command"),
    #: As JSON, without secrets.
    text_column("arguments"),
    #: `started`, `done` or `failed`.
    text_column("outcome"),
    #: What came of it, as JSON.
    text_column("details"),
)

#: By what attempts are listed; the columns are these names with `_id`.
OWNERS: Final = ("program", "flow", "agent", "batch")

# ---- one generation of the projections --------------------------------------------------------

#: How far each lane's log is folded into this generation.
positions = Table(
    "positions",
    generation_metadata,
    Column("lane", Integer, primary_key=True),
    *position_columns(),
    postgresql_with={"fillfactor": "50"},
)


def _subject_table(name: str, id_column: str, *more: Column[Any] | Index) -> Table:
    """A table of states: one row a subject, rewritten at each batch that touches it."""
    return Table(
        name,
        generation_metadata,
        key_column("organization_id"),
        key_column(id_column),
        Column("revision", BigInteger, nullable=False),
        Column("state", LargeBinary, nullable=False),
        #: The journal: which events, and where in the log they are.
        Column("records", LargeBinary, nullable=False),
        Column("positions", LargeBinary, nullable=False),
        #: What the subject adds to each tally, as JSON.
        Column("contribution", Text(collation="C"), nullable=False),
        *more,
        postgresql_with={"fillfactor": "60"},
    )


flows = _subject_table("flows", "flow_id")
attributes = _subject_table("attributes", "attribute")


def _owner_columns() -> list[Column[Any]]:
    """Whose attempts they are: what lists of attempts are asked by."""
    return [text_column(f"{owner}_id", nullable=True) for owner in OWNERS]


def _owner_indexes(table: str, *more: str) -> list[Index]:
    return [
        Index(
            f"{table}_of_{owner}",
            "organization_id",
            f"{owner}_id",
            *more,
            postgresql_where=text(f"{owner}_id IS NOT NULL"),
        )
        for owner in OWNERS
    ]


#: What the plan says, and how it stands.
executions = _subject_table(
    "executions",
    "execution_id",
    *_owner_columns(),
    text_column("status", nullable=True),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    *_owner_indexes("executions"),
)

#: Names and numbers of the profile: what exports sort by, and lists show.
contacts = _subject_table(
    "contacts",
    "contact_id",
    text_column("first_name", nullable=True),
    text_column("last_name", nullable=True),
    text_column("phone", nullable=True),
    text_column("email", nullable=True),
)

#: Attempts carry the row of the call history beside their state: one row a call, not two.
attempts = _subject_table(
    "attempts",
    "attempt_id",
    text_column("kind"),
    text_column("execution_id", nullable=True),
    text_column("contact_id", nullable=True),
    Column("attempt", BigInteger, nullable=False),
    text_column("from_number", nullable=True),
    text_column("to_number", nullable=True),
    text_column("direction", nullable=True),
    text_column("status", nullable=True),
    text_column("outcome", nullable=True),
    text_column("flow_outcome", nullable=True),
    Column("started_us", BigInteger, nullable=False),
    Column("answered_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("duration_ms", BigInteger),
    Column("total_cost", Numeric),
    #: The integer that stands for the id where an interface has integers.
    Column("number", BigInteger, nullable=False),
    #: What the attempt's own events say; where they say nothing, the execution's columns hold.
    *_owner_columns(),
    text_column("provider", nullable=True),
    text_column("campaign_status", nullable=True),
    text_column("call_status", nullable=True),
    text_column("workflow_status", nullable=True),
    *_owner_indexes("attempts", "execution_id", "started_us", "attempt_id"),
    Index(
        "attempts_history",
        "organization_id",
        "execution_id",
        "started_us",
        "attempt_id",
        postgresql_where=text("kind = 'call'"),
    ),
    Index(
        "attempts_beside",
        "organization_id",
        "execution_id",
        "started_us",
        "attempt_id",
        postgresql_where=text("kind <> 'call'"),
    ),
    Index(
        "attempts_by_contact",
        "organization_id",
        "execution_id",
        "contact_id",
        "started_us",
        "attempt_id",
        postgresql_where=text("kind = 'call'"),
    ),
    Index(
        "attempts_beside_by_contact",
        "organization_id",
        "execution_id",
        "contact_id",
        "started_us",
        "attempt_id",
        postgresql_where=text("kind <> 'call'"),
    ),
    Index(
        "attempts_by_cost",
        "organization_id",
        "execution_id",
        text("total_cost DESC"),
        "attempt_id",
        postgresql_where=text("total_cost > 0"),
    ),
)

#: Each published version of a flow, for the reports to join when they are read.
flow_versions = Table(
    "flow_versions",
    generation_metadata,
    key_column("organization_id"),
    key_column("flow_id"),
    Column("version", BigInteger, primary_key=True),
    Column("published_us", BigInteger, nullable=False),
    #: The payload of the winning `flow.published`, as JSON.
    text_column("flow"),
)

#: The table of each kind of subject.
SUBJECT_TABLES: Final = {
    Kind.FLOW.value: flows,
    Kind.ATTRIBUTE.value: attributes,
    Kind.EXECUTION.value: executions,
    Kind.CONTACT.value: contacts,
    Kind.ATTEMPT.value: attempts,
}
