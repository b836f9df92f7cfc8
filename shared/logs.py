"""How processes log: structlog, lines for people or JSON for machines, always on stderr."""

import logging
import sys

import structlog


def configure_logs(*, as_json: bool) -> None:
    """Set the log up; called once, by a process' `__main__`."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # psycopg warns of every pipeline that a refused statement ends; the error itself is raised.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
