"""Valkey and PostgreSQL from their wheels, for `callfold up` and for tests.

A fresh machine needs nothing but Python and pip: the servers live in a data directory of their
own, on loopback ports behind random passwords, and end with whoever started them.
"""

from services.tooling.embedded.data_directory import DataDirectory
from services.tooling.embedded.errors import EmbeddedServerError
from services.tooling.embedded.postgres_server import EmbeddedPostgres
from services.tooling.embedded.redis_server import EmbeddedRedis
from services.tooling.embedded.servers import EmbeddedServers

__all__ = [
    "DataDirectory",
    "EmbeddedPostgres",
    "EmbeddedRedis",
    "EmbeddedServerError",
    "EmbeddedServers",
]
