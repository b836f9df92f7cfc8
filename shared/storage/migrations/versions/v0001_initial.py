"""The log, lanes and leases, parked and conflicting events, API keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything that is no generation."""
    _create_api_keys()
    _create_conflicting_events()
    _create_generations()
    _create_installation()
    _create_lanes()
    _create_leases()
    _create_log_dictionaries()
    _create_log_segments()
    _create_parked_events()
    _create_projectors()


def downgrade() -> None:
    """Drop it all; generations are dropped on their own."""
    op.drop_table("projectors", schema="callfold")
    op.drop_table("parked_events", schema="callfold")
    op.drop_table("log_segments", schema="callfold")
    op.drop_table("log_dictionaries", schema="callfold")
    op.drop_table("leases", schema="callfold")
    op.drop_table("lanes", schema="callfold")
    op.drop_table("installation", schema="callfold")
    op.drop_table("generations", schema="callfold")
    op.drop_table("conflicting_events", schema="callfold")
    op.drop_table("api_keys", schema="callfold")


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text(collation="C"), nullable=False),
        sa.Column("organization_id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
        schema="callfold",
    )


def _create_conflicting_events() -> None:
    op.create_table(
        "conflicting_events",
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Numeric(precision=20, scale=0), nullable=False),
        sa.Column("organization_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("subject", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("event_id", sa.Text(collation="C"), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_seq", sa.Numeric(precision=20, scale=0), nullable=False),
        sa.Column(
            "found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("lane", "ms", "seq"),
        schema="callfold",
    )


def _create_generations() -> None:
    op.create_table(
        "generations",
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("fold_version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("generation"),
        schema="callfold",
    )


def _create_installation() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("partitions", sa.Integer(), nullable=False),
        sa.Column("live_generation", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1"),
        sa.PrimaryKeyConstraint("id"),
        schema="callfold",
    )


def _create_lanes() -> None:
    op.create_table(
        "lanes",
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Numeric(precision=20, scale=0), nullable=False),
        sa.Column("entries_read", sa.BigInteger(), nullable=False),
        sa.Column("vouched_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("lane"),
        schema="callfold",
        postgresql_with={"fillfactor": "50"},
    )


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(collation="C"), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unclean_deaths", sa.Integer(), server_default="0", nullable=False),
        sa.Column("archive_only", sa.Text(collation="C"), nullable=True),
        sa.PrimaryKeyConstraint("lane"),
        schema="callfold",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("leases_epoch", "leases", ["lane", "epoch"], unique=True, schema="callfold")


def _create_log_dictionaries() -> None:
    op.create_table(
        "log_dictionaries",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("dictionary", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
        schema="callfold",
    )


def _create_log_segments() -> None:
    op.create_table(
        "log_segments",
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_seq", sa.Numeric(precision=20, scale=0), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.Numeric(precision=20, scale=0), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("organizations", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("sources", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("partitions", sa.Integer(), nullable=False),
        sa.Column("dictionary", sa.Integer(), nullable=False),
        sa.Column("checksum", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("partition", "first_ms", "first_seq"),
        schema="callfold",
        postgresql_partition_by="RANGE (first_ms)",
    )


def _create_parked_events() -> None:
    op.create_table(
        "parked_events",
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=False),
        sa.Column("detail", sa.Text(collation="C"), nullable=False),
        sa.Column("organization_id", sa.Text(collation="C"), nullable=True),
        sa.Column("source", sa.Text(collation="C"), nullable=True),
        sa.Column("event_type", sa.Text(collation="C"), nullable=True),
        sa.Column("subject", sa.Text(collation="C"), nullable=True),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_seq", sa.Numeric(precision=20, scale=0), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.Numeric(precision=20, scale=0), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.Text(collation="C"), nullable=False),
        sa.Column("length_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "parked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("lane", "digest"),
        schema="callfold",
    )


def _create_projectors() -> None:
    op.create_table(
        "projectors",
        sa.Column("projector", sa.Text(collation="C"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("projector"),
        schema="callfold",
        postgresql_with={"fillfactor": "50"},
    )
