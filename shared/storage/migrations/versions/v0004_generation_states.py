"""Generations say whether they are being built or complete, and since when they are not live."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say of every generation that it is complete: until now only such ones were kept."""
    op.add_column(
        "generations",
        sa.Column("state", sa.Text(collation="C"), server_default="complete", nullable=False),
        schema="callfold",
    )
    op.add_column(
        "generations", sa.Column("live_until", sa.DateTime(timezone=True)), schema="callfold"
    )


def downgrade() -> None:
    """Take it back."""
    for name in ("live_until", "state"):
        op.drop_column("generations", name, schema="callfold")
