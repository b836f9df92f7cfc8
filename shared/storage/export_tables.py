"""The tables of export jobs; `tables.py` holds the others. Written by `export_jobs.py`."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    text,
)

from shared.storage.table_columns import (
    SCHEMA,
    count_column,
    installation_metadata,
    instant_column,
    key_column,
    text_column,
)

#: Files that were asked for, and what has become of them.
exports = Table(
    "exports",
    installation_metadata,
    key_column("organization_id"),
    key_column("export_id"),
    text_column("execution_id"),
    #: `calls` or `summary`.
    text_column("kind"),
    text_column("format"),
    text_column("profile"),
    #: `queued`, `running`, `completed`, `failed` or `expired`.
    text_column("status"),
    #: Why it failed.
    text_column("error", nullable=True),
    instant_column("requested_at"),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
    #: Who writes it, and when that was last heard of.
    text_column("taken_by", nullable=True),
    Column("heard_at", DateTime(timezone=True)),
    #: How often it was begun.
    Column("tries", Integer, nullable=False, server_default="0"),
    #: Every entry received up to there is in it (milliseconds); null while unknown.
    Column("as_of_ms", BigInteger),
    count_column("rows"),
    count_column("rows_total"),
    count_column("bytes"),
    Column("sha256", LargeBinary),
    Index("exports_open", "requested_at", postgresql_where=text("status IN ('queued', 'running')")),
)

#: The files, in parts that are read one at a time.
export_parts = Table(
    "export_parts",
    installation_metadata,
    key_column("organization_id"),
    key_column("export_id"),
    Column("part", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["organization_id", "export_id"],
        [f"{SCHEMA}.exports.organization_id", f"{SCHEMA}.exports.export_id"],
        ondelete="CASCADE",
    ),
)
