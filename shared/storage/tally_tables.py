"""Tables of sums over contributions, which batches move by difference; one generation each.

Their numbers are in the order of `projections/contributions.py`.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Numeric, Table

from shared.storage.table_columns import count_column, generation_metadata, key_column


def _tally(name: str, *columns: Column[Any] | Index) -> Table:
    """A table of sums over contributions, in key order; but for enrolments small and hot."""
    return Table(
        name,
        generation_metadata,
        key_column("organization_id"),
        *columns,
        postgresql_with={"fillfactor": "50"},
    )


#: How many subjects name an execution: it exists once any event does (reports.md, Status).
execution_mentions = _tally(
    "execution_mentions", key_column("execution_id"), count_column("subjects")
)

contact_tallies = _tally(
    "contact_tallies", key_column("execution_id"), key_column("status"), count_column("contacts")
)

#: One row a contact and execution, of a single contributor: so its sums are values.
enrolments = _tally(
    "enrolments",
    key_column("execution_id"),
    key_column("contact_id"),
    #: 1; 0 where the contact was never enrolled after all.
    count_column("contacts"),
    #: Index into CONTACT_STATUSES.
    count_column("status"),
    count_column("status_us"),
    count_column("first_us"),
)

#: The enrolments that are skipped, which campaigns list among their attempts. A partial index of
#: `enrolments` instead would make each change of a status a new entry in all of its indexes.
skipped_contacts = _tally(
    "skipped_contacts",
    key_column("execution_id"),
    key_column("contact_id"),
    count_column("contacts"),
    count_column("status_us"),
    Index("skipped_contacts_by_time", "organization_id", "execution_id", "status_us", "contact_id"),
)

attempt_tallies = _tally(
    "attempt_tallies",
    key_column("execution_id"),
    key_column("kind"),
    Column("attempt", BigInteger, primary_key=True),
    key_column("status"),
    count_column("attempts"),
    count_column("flow_completed"),
    count_column("durations"),
    Column("duration_ms", Numeric, nullable=False),
    count_column("billable"),
    Column("cost", Numeric, nullable=False),
)

#: Calls and lone SMS by the program that they say (empty: none) and their execution (empty: none).
item_tallies = _tally(
    "item_tallies",
    key_column("execution_id"),
    key_column("program_id"),
    key_column("campaign_status"),
    count_column("items"),
    Index("item_tallies_of_program", "organization_id", "program_id"),
)

node_tallies = _tally(
    "node_tallies",
    key_column("execution_id"),
    key_column("node_id"),
    key_column("node_type"),
    count_column("unique_calls"),
    count_column("steps"),
    count_column("durations"),
    Column("duration_ms", Numeric, nullable=False),
)

digit_tallies = _tally(
    "digit_tallies",
    key_column("execution_id"),
    key_column("node_id"),
    key_column("digits"),
    count_column("steps"),
)

cost_tallies = _tally(
    "cost_tallies",
    key_column("execution_id"),
    key_column("node_type"),
    key_column("node_id"),
    key_column("component"),
    count_column("charges"),
    Column("cost", Numeric, nullable=False),
    count_column("durations"),
    Column("duration_ms", Numeric, nullable=False),
)

#: In the order in which a batch writes them: always the same, so that two owners never deadlock.
TALLY_TABLES: Final = (
    execution_mentions,
    contact_tallies,
    enrolments,
    skipped_contacts,
    attempt_tallies,
    item_tallies,
    node_tallies,
    digit_tallies,
    cost_tallies,
)
