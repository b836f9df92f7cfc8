"""The two roles that read for one organization at a time, and what they see that mixes none."""

from alembic import op

from shared.storage.roles import create_roles

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ROLES = "callfold_read, callfold_raw"


def upgrade() -> None:
    """Create the roles where the cluster lacks them; generations grant what is theirs."""
    create_roles(op.get_bind())
    op.execute(f"GRANT USAGE ON SCHEMA callfold TO {_ROLES}")
    # These name no organization. What mixes them is not for the role that reads reports.
    op.execute(f"GRANT SELECT ON callfold.installation, callfold.generations TO {_ROLES}")
    # Who may read it may read its partitions through it, future ones too.
    op.execute("GRANT SELECT ON callfold.log_segments TO callfold_raw")


def downgrade() -> None:
    """Take the rights back; the roles stay, since other databases of the cluster may use them."""
    op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA callfold FROM {_ROLES}")
    op.execute(f"REVOKE ALL ON SCHEMA callfold FROM {_ROLES}")
