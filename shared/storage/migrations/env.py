"""Alembic's entry: migrates what is no generation, on the connection that `schema` hands over."""

from alembic import context
from sqlalchemy import text

from shared.storage.tables import SCHEMA, installation_metadata

connection = context.config.attributes["connection"]
connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
context.configure(
    connection=connection,
    target_metadata=installation_metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
