"""All tables, in one place (SQLAlchemy Core).

`callfold` is the schema of what no rebuild replaces: the log, lanes, keys. A generation of the
projections lives in a schema of its own, `gen_1`, `gen_2` …; its tables are declared here under
the placeholder `GENERATION`, which `schema_translate_map` replaces.

Instants of events are `bigint` microseconds since the epoch (`…_us`): exact over all years that
the contract allows, and written without a conversion per value. Text is `COLLATE "C"`.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

SCHEMA: Final = "callfold"
GENERATION: Final = "generation"

#: Tables of the installation, migrated by Alembic.
installation_metadata = MetaData(schema=SCHEMA)
#: Tables of one generation, created whole and dropped whole.
generation_metadata = MetaData(schema=GENERATION)


def _text(name: str, **options: Any) -> Column[Any]:
    return Column(name, Text(collation="C"), **{"nullable": False, **options})


def _key(name: str) -> Column[Any]:
    return _text(name, primary_key=True)


def _count(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False)


def _position(prefix: str = "", *, primary_key: bool = False) -> tuple[Column[Any], Column[Any]]:
    """The id of a stream entry. Its sequence number is unsigned, so it needs a numeric."""
    return (
        Column(f"{prefix}ms", BigInteger, nullable=False, primary_key=primary_key),
        Column(f"{prefix}seq", Numeric(20, 0), nullable=False, primary_key=primary_key),
    )


def _now(name: str) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


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
    _now("created_at"),
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
    *_position("first_", primary_key=True),
    *_position("last_"),
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
    *_position(),
    #: Entries read since the stream began; what the watermark group advertises.
    _count("entries_read"),
    #: Up to here an idle lane was seen empty, in milliseconds of Redis' clock.
    Column("vouched_ms", BigInteger, nullable=False, server_default="0"),
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
    Index("leases_epoch", "lane", "epoch", unique=True),
    postgresql_with={"fillfactor": "50"},
)

#: Projectors alive, so that each can compute its fair share of lanes.
projectors = Table(
    "projectors",
    installation_metadata,
    _key("projector"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    postgresql_with={"fillfactor": "50"},
)

#: Events that could not be folded (events.md, rule 7): one row per lane and distinct content.
parked = Table(
    "parked_events",
    installation_metadata,
    Column("lane", Integer, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    _text("reason"),
    _text("detail"),
    _text("organization_id", nullable=True),
    _text("source", nullable=True),
    _text("event_type", nullable=True),
    _text("subject", nullable=True),
    *_position("first_"),
    *_position("last_"),
    _count("entries"),
    _text("mode"),
    Column("length_bytes", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    _now("parked_at"),
)

#: Same organization, kind, subject, source and id, but different content (events.md, rule 2).
conflicts = Table(
    "conflicting_events",
    installation_metadata,
    Column("lane", Integer, primary_key=True),
    *_position(primary_key=True),
    _text("organization_id"),
    _text("kind"),
    _text("subject"),
    _text("source"),
    _text("event_id"),
    *_position("first_"),
    _now("found_at"),
)

api_keys = Table(
    "api_keys",
    installation_metadata,
    _key("key_id"),
    _text("organization_id"),
    _text("name"),
    Column("secret_sha256", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text(collation="C")), nullable=False),
    _now("created_at"),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
)

# ---- one generation of the projections --------------------------------------------------------

#: How far each lane's log is folded into this generation.
positions = Table(
    "positions",
    generation_metadata,
    Column("lane", Integer, primary_key=True),
    *_position(),
    postgresql_with={"fillfactor": "50"},
)


def _subject_table(name: str, id_column: str, *more: Column[Any] | Index) -> Table:
    """A table of states: one row a subject, rewritten at each batch that touches it."""
    return Table(
        name,
        generation_metadata,
        _key("organization_id"),
        _key(id_column),
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
executions = _subject_table("executions", "execution_id")
contacts = _subject_table("contacts", "contact_id")

#: Attempts carry the row of the call history beside their state: one row a call, not two.
attempts = _subject_table(
    "attempts",
    "attempt_id",
    _text("kind"),
    _text("execution_id", nullable=True),
    _text("contact_id", nullable=True),
    Column("attempt", BigInteger, nullable=False),
    _text("from_number", nullable=True),
    _text("to_number", nullable=True),
    _text("direction", nullable=True),
    _text("status", nullable=True),
    _text("outcome", nullable=True),
    _text("flow_outcome", nullable=True),
    Column("started_us", BigInteger, nullable=False),
    Column("answered_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("duration_ms", BigInteger),
    Column("total_cost", Numeric),
    Index(
        "attempts_history",
        "organization_id",
        "execution_id",
        "started_us",
        "attempt_id",
        postgresql_where=text("kind = 'call'"),
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
    _key("organization_id"),
    _key("flow_id"),
    Column("version", BigInteger, primary_key=True),
    Column("published_us", BigInteger, nullable=False),
    #: The payload of the winning `flow.published`, as JSON.
    _text("flow"),
)


def _tally(name: str, *columns: Column[Any]) -> Table:
    """A table of sums over contributions; small, hot, in key order."""
    return Table(
        name,
        generation_metadata,
        _key("organization_id"),
        _key("execution_id"),
        *columns,
        postgresql_with={"fillfactor": "50"},
    )


#: How many subjects name an execution: it exists once any event does (reports.md, Status).
execution_mentions = _tally("execution_mentions", _count("subjects"))

contact_tallies = _tally("contact_tallies", _key("status"), _count("contacts"))

attempt_tallies = _tally(
    "attempt_tallies",
    _key("kind"),
    Column("attempt", BigInteger, primary_key=True),
    _key("status"),
    _count("attempts"),
    _count("flow_completed"),
    _count("durations"),
    Column("duration_ms", Numeric, nullable=False),
    _count("billable"),
    Column("cost", Numeric, nullable=False),
)

node_tallies = _tally(
    "node_tallies",
    _key("node_id"),
    _key("node_type"),
    _count("unique_calls"),
    _count("steps"),
    _count("durations"),
    Column("duration_ms", Numeric, nullable=False),
)

digit_tallies = _tally("digit_tallies", _key("node_id"), _key("digits"), _count("steps"))

cost_tallies = _tally(
    "cost_tallies",
    _key("node_type"),
    _key("node_id"),
    _key("component"),
    _count("charges"),
    Column("cost", Numeric, nullable=False),
    _count("durations"),
    Column("duration_ms", Numeric, nullable=False),
)

#: In the order in which a batch writes them: always the same, so that two owners never deadlock.
TALLY_TABLES: Final = (
    execution_mentions,
    contact_tallies,
    attempt_tallies,
    node_tallies,
    digit_tallies,
    cost_tallies,
)
