"""How the database is told whose rows may be seen, and by whom: names that several modules share.

Row-level security shows the two roles the rows of one organization alone, which a transaction
names by `SET_TENANT`. `roles` creates them, `generation_schemas` grants and limits.
"""

from typing import Final

#: Asks the statements of reports.
READ_ROLE: Final = "callfold_read"
#: Reads journals and the segments of the log; used by `raw_events` alone.
RAW_ROLE: Final = "callfold_raw"
#: The organization whose rows are seen; while it is not set or empty, none are.
TENANT_SETTING: Final = "callfold.organization_id"
#: Names the organization until the transaction ends.
SET_TENANT: Final = f"SELECT set_config('{TENANT_SETTING}', %s, true)"
#: What the policy of every table with an `organization_id` demands.
OWN_ROWS: Final = f"organization_id = nullif(current_setting('{TENANT_SETTING}', true), '')"
