"""Jobs that make files of executions, and the files, which an organization's reader may see."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tenancy import OWN_ROWS, READ_ROLE

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables; each reader sees its organization's rows."""
    op.create_table(
        "exports",
        *map(_text, ("organization_id", "export_id", "execution_id", "kind", "format")),
        *map(_text, ("profile", "status")),
        _text("error", nullable=True),
        sa.Column(
            "requested_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        *map(_instant, ("started_at", "finished_at", "expires_at")),
        _text("taken_by", nullable=True),
        _instant("heard_at"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("as_of_ms", sa.BigInteger()),
        *map(_count, ("rows", "rows_total", "bytes")),
        sa.Column("sha256", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("organization_id", "export_id"),
        schema="callfold",
    )
    op.create_index(
        "exports_open",
        "exports",
        ["requested_at"],
        schema="callfold",
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )
    op.create_table(
        "export_parts",
        *map(_text, ("organization_id", "export_id")),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "export_id", "part"),
        sa.ForeignKeyConstraint(
            ["organization_id", "export_id"],
            ["callfold.exports.organization_id", "callfold.exports.export_id"],
            ondelete="CASCADE",
        ),
        schema="callfold",
    )
    for table in ("callfold.exports", "callfold.export_parts"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT ON {table} TO {READ_ROLE}")
        op.execute(
            f"CREATE POLICY own_rows ON {table} FOR SELECT TO {READ_ROLE} USING ({OWN_ROWS})"
        )


def downgrade() -> None:
    """Take it back; files that were made are gone."""
    op.drop_table("export_parts", schema="callfold")
    op.drop_table("exports", schema="callfold")


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text(collation="C"), nullable=nullable)


def _count(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True))
