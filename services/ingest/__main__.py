"""`python -m services.ingest`: takes events until SIGTERM or Ctrl-C."""

import sys

from services.ingest.app import build
from shared.errors import CallfoldError
from shared.logs import configure_logs
from shared.settings import Settings
from shared.web_edge.serving import serve


def main() -> int:
    """Serve, which exits by itself; returns the exit code 1 where it cannot."""
    try:
        settings = Settings.from_environment()
        configure_logs(as_json=settings.log_json)
        serve(build(settings), "ingest", settings.ingest_host, settings.ingest_port)
    except CallfoldError as error:
        sys.stderr.write(f"ingest: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
