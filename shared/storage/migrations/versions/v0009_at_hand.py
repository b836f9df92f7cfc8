"""Whether something of a lane is at hand while it is suspected of killing its owners."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of lanes that are held now, anything may be at hand."""
    op.add_column(
        "leases",
        sa.Column("at_hand", sa.Boolean(), server_default=sa.true(), nullable=False),
        schema="callfold",
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_column("leases", "at_hand", schema="callfold")
