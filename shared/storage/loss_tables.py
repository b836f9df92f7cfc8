"""Tables about what was lost or left aside: incidents, quotas of parked events, entries left out.

Written by `incidents.py`, `acknowledging.py`, `sequences.py` and `parking.py`; `tables.py` holds
all others.
"""

from sqlalchemy import BigInteger, Column, DateTime, Integer, Numeric, Table
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE

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

#: Which numbers of each source's own counter have arrived (events.md, `sequence`), in blocks of
#: 65,536: distinct by construction, and whatever the order.
source_sequences = Table(
    "source_sequences",
    installation_metadata,
    key_column("organization_id"),
    key_column("source"),
    Column("block", BigInteger, primary_key=True),
    #: Numbers from the block's first one on.
    Column("seen", INT4MULTIRANGE, nullable=False),
    postgresql_with={"fillfactor": "50"},
)

#: How each source's counter stood when it was last looked at: one row a source.
sequence_marks = Table(
    "sequence_marks",
    installation_metadata,
    key_column("organization_id"),
    key_column("source"),
    count_column("highest"),
    #: The highest number of the look before: what is missing below it is late enough to be a gap.
    count_column("judged_through"),
    #: Numbers of gaps that nobody acknowledged, and since when there are any.
    count_column("missing"),
    Column("missing_since", DateTime(timezone=True)),
    instant_column("looked_at"),
)

#: What operators have taken note of, by what identifies an incident; what does not is 0 or empty.
incident_acknowledgements = Table(
    "incident_acknowledgements",
    installation_metadata,
    key_column("kind"),
    Column("lane", Integer, primary_key=True),
    Column("ms", BigInteger, primary_key=True),
    Column("seq", Numeric(20, 0), primary_key=True),
    key_column("organization_id"),
    key_column("source"),
    #: How much had happened by then; more than that is open again. Of a gap: the numbers judged,
    #: from the source's first one on.
    count_column("measure"),
    count_column("measure_from"),
    instant_column("acknowledged_at"),
    text_column("acknowledged_by"),
    text_column("note"),
)
