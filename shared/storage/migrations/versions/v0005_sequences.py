"""Which numbers of each source have arrived, and which incidents operators took note of."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; numbers are counted from now on, so earlier ones are nobody's gap."""
    op.create_table(
        "source_sequences",
        sa.Column("organization_id", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("seen", INT4MULTIRANGE(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "source", "block"),
        schema="callfold",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "sequence_marks",
        sa.Column("organization_id", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("highest", sa.BigInteger(), nullable=False),
        sa.Column("judged_through", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        _instant("looked_at"),
        sa.PrimaryKeyConstraint("organization_id", "source"),
        schema="callfold",
    )
    _create_acknowledgements()


def downgrade() -> None:
    """Take it back; what has arrived and what was acknowledged is forgotten."""
    op.drop_table("incident_acknowledgements", schema="callfold")
    op.drop_table("sequence_marks", schema="callfold")
    op.drop_table("source_sequences", schema="callfold")


def _create_acknowledgements() -> None:
    op.create_table(
        "incident_acknowledgements",
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Numeric(precision=20, scale=0), nullable=False),
        sa.Column("organization_id", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("measure", sa.BigInteger(), nullable=False),
        sa.Column("measure_from", sa.BigInteger(), nullable=False),
        _instant("acknowledged_at"),
        sa.Column("acknowledged_by", sa.Text(collation="C"), nullable=False),
        sa.Column("note", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("kind", "lane", "ms", "seq", "organization_id", "source"),
        schema="callfold",
    )


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )
