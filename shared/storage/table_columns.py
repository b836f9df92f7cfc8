"""What tables are declared with: the two families of schemas, and the kinds of columns.

Used by `tables.py` and `loss_tables.py`.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Numeric, Text, func

SCHEMA: Final = "callfold"
GENERATION: Final = "generation"

#: Tables of the installation, migrated by Alembic.
installation_metadata = MetaData(schema=SCHEMA)
#: Tables of one generation, created whole and dropped whole.
generation_metadata = MetaData(schema=GENERATION)


def text_column(name: str, **options: Any) -> Column[Any]:
    """A text, compared by code point; not null unless told otherwise."""
    return Column(name, Text(collation="C"), **{"nullable": False, **options})


def key_column(name: str) -> Column[Any]:
    """A text of the primary key."""
    return text_column(name, primary_key=True)


def count_column(name: str) -> Column[Any]:
    """A whole number that is always there."""
    return Column(name, BigInteger, nullable=False)


def position_columns(
    prefix: str = "", *, primary_key: bool = False
) -> tuple[Column[Any], Column[Any]]:
    """The id of a stream entry. Its sequence number is unsigned, so it needs a numeric."""
    return (
        Column(f"{prefix}ms", BigInteger, nullable=False, primary_key=primary_key),
        Column(f"{prefix}seq", Numeric(20, 0), nullable=False, primary_key=primary_key),
    )


def instant_column(name: str) -> Column[Any]:
    """An instant of the database's clock: when the row was written, unless told otherwise."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())
