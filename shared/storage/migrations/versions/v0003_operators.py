"""Who did what by the command line, and what was decided about parked events."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_VERDICT = ("resolution", "resolved_by", "note", "retried_as")


def upgrade() -> None:
    """Add the audit, and to parked events what was decided about them; all are open."""
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("who", sa.Text(collation="C"), nullable=False),
        sa.Column("command", sa.Text(collation="C"), nullable=False),
        sa.Column("arguments", sa.Text(collation="C"), nullable=False),
        sa.Column("outcome", sa.Text(collation="C"), nullable=False),
        sa.Column("details", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="callfold",
    )
    op.add_column(
        "parked_events", sa.Column("resolved_at", sa.DateTime(timezone=True)), schema="callfold"
    )
    for name in _VERDICT:
        op.add_column("parked_events", sa.Column(name, sa.Text(collation="C")), schema="callfold")


def downgrade() -> None:
    """Take it back; what was decided is forgotten."""
    for name in (*_VERDICT, "resolved_at"):
        op.drop_column("parked_events", name, schema="callfold")
    op.drop_table("audit", schema="callfold")
