"""The keys that sign access tokens: one for each period of the database's clock."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; the first key is made when the first token is asked for."""
    op.create_table(
        "signing_keys",
        sa.Column("period", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.Text(collation="C"), nullable=False),
        sa.Column("private_jwk", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("period"),
        schema="callfold",
    )


def downgrade() -> None:
    """Take it back; tokens of its keys are worth nothing any more."""
    op.drop_table("signing_keys", schema="callfold")
