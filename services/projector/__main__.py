"""`python -m services.projector`: folds events until SIGTERM or Ctrl-C."""

import signal
import socket
import sys
import time
from contextlib import suppress
from functools import partial

import psycopg
import redis
import structlog
import uvicorn
from sqlalchemy.exc import OperationalError

from services.projector.app import Projector, build
from services.projector.pacing import Pauses
from services.projector.waiting_probes import WaitingProbes
from shared.delivery.connection import redis_client
from shared.delivery.publisher import read_partitions
from shared.delivery.stream_keeping import announce_where_none
from shared.errors import CallfoldError, SettingsError
from shared.garbage import collect_rarely, return_large_blocks
from shared.logs import configure_logs
from shared.settings import Settings
from shared.storage.schema import migrate

_log = structlog.get_logger()


def main() -> int:
    """Run a projector; returns the exit code: 0 after a clean end, 1 where it cannot run."""
    try:
        settings = Settings.from_environment()
        configure_logs(as_json=settings.log_json)
        listening = _listen(settings.probe_host, settings.probe_port)
        with WaitingProbes(listening) as probes:
            partitions = _prepare(settings, probes)
        projector = Projector(settings, partitions)
        app = build(settings, projector)
    except CallfoldError as error:
        sys.stderr.write(f"projector: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    collect_rarely()
    return_large_blocks()
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends cleanly on these, then raises them again for whoever handled them before.
        signal.signal(number, server.handle_exit)
    server.run(sockets=[listening])
    return 0 if server.started and projector.health.failed is None else 1


def _listen(host: str, port: int) -> socket.socket:
    """Take the port of the probes first: a process that cannot be watched takes no lanes.

    Raises:
        SettingsError: somebody else has it.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port} ({error.strerror}); end what uses that port, or set"
            " CALLFOLD_PROBE_HOST and CALLFOLD_PROBE_PORT"
        ) from error


def _prepare(settings: Settings, probes: WaitingProbes) -> int:
    """Migrate the database and announce N, which is returned; waits for servers that are away."""
    redis_url, database_url = settings.require_redis_url(), settings.require_database_url()
    pauses = Pauses()
    while True:
        try:
            client = redis_client(redis_url)
            partitions = migrate(database_url, partial(read_partitions, client))
            with suppress(redis.OutOfMemoryError):  # room is made by whoever folds, so begin
                announce_where_none(client, partitions)
            client.close()
        except (redis.RedisError, psycopg.OperationalError, OperationalError) as error:
            part = "redis" if isinstance(error, redis.RedisError) else "database"
            words = str(error).strip().split("\n")[0]
            probes.waiting_for = f"{part}: {words}"
            _log.warning("waiting for servers", part=part, error=words)
            time.sleep(pauses.next_s())
        else:
            return partitions


if __name__ == "__main__":
    sys.exit(main())
