"""The table of the keys that sign access tokens; `tables.py` holds those that are not secret.

Read and written by `signing_keys.py`.
"""

from sqlalchemy import BigInteger, Column, Table

from shared.storage.table_columns import installation_metadata, instant_column, text_column

#: One key a period of the database's clock: the primary key is what keeps several processes from
#: making several.
signing_keys = Table(
    "signing_keys",
    installation_metadata,
    Column("period", BigInteger, primary_key=True, autoincrement=False),
    #: `kid` of what it signs.
    text_column("key_id"),
    #: The whole key as a JWK (RFC 7517).
    text_column("private_jwk"),
    instant_column("created_at"),
)
