"""Who is thought to have died with a lane at hand, so that it can say that it lives."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("leases", sa.Column("accused", sa.Text(collation="C")), schema="callfold")


def downgrade() -> None:
    """Take it back."""
    op.drop_column("leases", "accused", schema="callfold")
