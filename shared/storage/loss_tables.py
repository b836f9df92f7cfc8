"""Tables about what was lost or left aside: incidents, quotas of parked events, entries left out.

Written by `incidents.py` and `parking.py`; `tables.py` holds all others.
"""

from sqlalchemy import BigInteger, Column, DateTime, Integer, Table

from shared.storage.table_columns import (
    count_column,
    installation_metadata,
    instant_column,
    key_column,
    position_columns,
    text_column,
)

#: What each source has parked in each lane, so that its quota costs no scan. Empty text stands
#: for an organization or source that cannot be read.
parked_sources = Table(
    "parked_sources",
    installation_metadata,
    key_column("organization_id"),
    key_column("source"),
    Column("lane", Integer, primary_key=True),
    count_column("events"),
    #: Bytes of the bodies that are kept.
    count_column("body_bytes"),
    Column("over_since", DateTime(timezone=True)),
)

#: Entries of the log that live parked by a verdict of ours: a rebuild must not fold them either.
left_out_entries = Table(
    "left_out_entries",
    installation_metadata,
    Column("lane", Integer, primary_key=True),
    *position_columns(primary_key=True),
    text_column("reason"),
)

#: Loss, declared: one row per lane, kind and place; the place is where the cursor stood.
incidents = Table(
    "incidents",
    installation_metadata,
    Column("lane", Integer, primary_key=True),
    key_column("kind"),
    *position_columns(primary_key=True),
    #: What was found, as JSON.
    text_column("detail"),
    #: None where nobody can know.
    Column("entries_lost", BigInteger),
    count_column("times"),
    instant_column("first_seen_at"),
    instant_column("last_seen_at"),
)
