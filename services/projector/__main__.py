"""`python -m services.projector`: folds events until SIGTERM or Ctrl-C."""

import gc
import signal
import sys
import time

import psycopg
import redis
import structlog
import uvicorn
from sqlalchemy.exc import OperationalError

from services.projector.app import Projector, build
from shared.delivery.connection import redis_client
from shared.delivery.publisher import read_partitions
from shared.delivery.stream_keeping import announce_partitions
from shared.errors import CallfoldError
from shared.logs import configure_logs
from shared.settings import Settings
from shared.storage.generations import live_generation
from shared.storage.schema import migrate

_log = structlog.get_logger()
_PAUSE_MOST_S = 5.0


def main() -> int:
    """Run a projector; returns the exit code: 0 after a clean end, 1 where it cannot run."""
    try:
        settings = Settings.from_environment()
        configure_logs(as_json=settings.log_json)
        partitions = _prepare(settings)
        generation = live_generation(settings.require_database_url())
        projector = Projector(settings, partitions, generation)
        app = build(settings, projector)
    except CallfoldError as error:
        sys.stderr.write(f"projector: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    # States are built and dropped by the million; what lives long is frozen out of each collection.
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 1000)
    host, port = settings.probe_host, settings.probe_port
    server = uvicorn.Server(
        uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, lifespan="on")
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends cleanly on these, then raises them again for whoever handled them before.
        signal.signal(number, server.handle_exit)
    server.run()
    return 0 if server.started and projector.health.failed is None else 1


def _prepare(settings: Settings) -> int:
    """Migrate the database and announce N, waiting for servers that are away."""
    pause_s = 0.2
    while True:
        try:
            client = redis_client(settings.require_redis_url())
            partitions = migrate(settings.require_database_url(), read_partitions(client))
            announce_partitions(client, partitions)
            client.close()
        except (redis.RedisError, psycopg.OperationalError, OperationalError) as error:
            _log.warning("waiting for servers", error=str(error).strip().split("\n")[0])
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, _PAUSE_MOST_S)
        else:
            return partitions


if __name__ == "__main__":
    sys.exit(main())
