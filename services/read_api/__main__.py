"""`python -m services.read_api`: serves reports until SIGTERM or Ctrl-C."""

import sys

from services.read_api.app import build
from shared.errors import CallfoldError
from shared.logs import configure_logs
from shared.settings import Settings
from shared.web_edge.serving import serve


def main() -> int:
    """Serve, which exits by itself; returns the exit code 1 where it cannot."""
    try:
        settings = Settings.from_environment()
        configure_logs(as_json=settings.log_json)
        serve(build(settings), "read-api", settings.read_api_host, settings.read_api_port)
    except CallfoldError as error:
        sys.stderr.write(f"read-api: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
