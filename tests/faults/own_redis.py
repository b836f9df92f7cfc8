"""A Redis of a test's own, which may be killed, emptied, set back and starved."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.tooling.embedded import DataDirectory, EmbeddedRedis
from services.tooling.embedded.redis_server import Fsync
from shared.delivery.connection import redis_client

#: Where the append-only file lies below the server's folder.
_AOF = "appendonlydir"


@contextmanager
def own_redis(path: Path, fsync: Fsync = "everysec") -> Iterator[EmbeddedRedis]:
    """A server with an append-only file in a directory of its own."""
    with (
        DataDirectory.claim(path) as directory,
        EmbeddedRedis(directory, fsync=fsync).start() as server,
    ):
        yield server


def copy_of_aof(path: Path, copy: Path) -> None:
    """Copy what the disk would hold if the power failed now; the server may be writing."""
    shutil.copytree(path / "valkey" / _AOF, copy, dirs_exist_ok=True)


def restart_from(server: EmbeddedRedis, path: Path, copy: Path) -> None:
    """Kill the server, put the copy in the place of its append-only file, and start it again.

    A copy that ends within a command is cut to the last whole one, as after a power loss.
    """
    server.kill()
    found = path / "valkey" / _AOF
    owner = found.stat()
    shutil.rmtree(found)
    shutil.copytree(copy, found)
    for file in (found, *found.iterdir()):
        shutil.chown(file, owner.st_uid, owner.st_gid)
    server.restart()


def bound_memory(redis_url: str, spare_bytes: int) -> None:
    """Let the server's memory end so far above what it uses now."""
    with redis_client(redis_url) as client:
        memory: Any = client.info("memory")
        client.config_set("maxmemory", int(memory["used_memory"]) + spare_bytes)
