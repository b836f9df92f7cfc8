"""API keys: `cf_<id>_<secret>`, of which only the SHA-256 of the secret is kept.

Made, listed and revoked by the command line; looked up by the read API. A secret is random and
long, so a fast hash suffices and nothing is salted.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, get_args

import msgspec
import psycopg
from msgspec import Struct
from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.exc import OperationalError, ProgrammingError

from shared.contracts.envelope import Id
from shared.contracts.text_checks import check_key
from shared.errors import StorageError
from shared.storage.read_pool import ReadPool, statement_text
from shared.storage.schema import engine_of
from shared.storage.tables import api_keys

Scope = Literal["read", "publish", "operate"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

_PREFIX = "cf"
_ID_BYTES = 8
_SECRET_BYTES = 32
_NAME_CHARS_MAX = 255
#: `last_used_at` is written at most once in this time.
_NOTED_S = 60.0
