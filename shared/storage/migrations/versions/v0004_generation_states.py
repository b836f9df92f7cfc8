"""Generations that are being built are told from those that are complete and followed."""

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


def downgrade() -> None:
    """Take it back."""
    op.drop_column("generations", "state", schema="callfold")
