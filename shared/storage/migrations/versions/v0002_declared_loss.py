"""Incidents; counters of what each source parked; which entries a rebuild leaves out."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and count what is parked already."""
    op.add_column(
        "lanes",
        sa.Column("entries_unread", sa.BigInteger(), server_default="0", nullable=False),
        schema="callfold",
    )
    op.alter_column("parked_events", "body", nullable=True, schema="callfold")
    _create_incidents()
    _create_left_out_entries()
    _create_parked_sources()


def downgrade() -> None:
    """Take it back; a body that was left out is in the log, so an empty one says enough."""
    op.drop_table("parked_sources", schema="callfold")
    op.drop_table("left_out_entries", schema="callfold")
    op.drop_table("incidents", schema="callfold")
    op.execute("UPDATE callfold.parked_events SET body = '' WHERE body IS NULL")
    op.alter_column("parked_events", "body", nullable=False, schema="callfold")
    op.drop_column("lanes", "entries_unread", schema="callfold")


def _create_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Numeric(precision=20, scale=0), nullable=False),
        sa.Column("detail", sa.Text(collation="C"), nullable=False),
        sa.Column("entries_lost", sa.BigInteger(), nullable=True),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "last_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("lane", "kind", "ms", "seq"),
        schema="callfold",
    )


def _create_left_out_entries() -> None:
    op.create_table(
        "left_out_entries",
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Numeric(precision=20, scale=0), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("lane", "ms", "seq"),
        schema="callfold",
    )
    # Of content parked more than twice only the first and the last place are known by now.
    op.execute(
        "INSERT INTO callfold.left_out_entries (lane, ms, seq, reason)"
        " SELECT lane, first_ms, first_seq, reason FROM callfold.parked_events"
        " WHERE reason IN ('fold_failed', 'database_refused', 'crashed')"
        " UNION SELECT lane, last_ms, last_seq, reason FROM callfold.parked_events"
        " WHERE reason IN ('fold_failed', 'database_refused', 'crashed')"
    )


def _create_parked_sources() -> None:
    op.create_table(
        "parked_sources",
        sa.Column("organization_id", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("body_bytes", sa.BigInteger(), nullable=False),
        sa.Column("over_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "source", "lane"),
        schema="callfold",
    )
    op.execute(
        "INSERT INTO callfold.parked_sources (organization_id, source, lane, events, body_bytes)"
        " SELECT coalesce(organization_id, ''), coalesce(source, ''), lane, count(*),"
        " sum(length(body)) FROM callfold.parked_events GROUP BY 1, 2, 3"
    )
