"""The options of `callfold verify`, with what their help says."""

from typing import Annotated

import typer

_LIMIT_MAX = 1_000_000

Organization = Annotated[
    str | None, typer.Option(metavar="ID", help="Figures of this tenant alone.")
]
Execution = Annotated[
    str | None, typer.Option(metavar="ID", help="Figures of this execution alone.")
]
Sample = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Figures of N executions alone, drawn by chance."),
]
Seed = Annotated[int, typer.Option(help="Which are drawn: the same seed draws the same.")]
Structure = Annotated[
    bool,
    typer.Option(
        "--structure/--no-structure",
        help="Check tallies, states, cursors and every segment of the log as well, of everything.",
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=_LIMIT_MAX, help="Differences shown of each kind.")]
MemoryMib = Annotated[
    int,
    typer.Option(min=256, help="Memory of the computation, in MiB; what is more goes to TMPDIR."),
]
Watch = Annotated[
    float | None,
    typer.Option(
        min=1, metavar="SECONDS", help="Verify for ever, pausing so long after each time."
    ),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="With --watch: serve Prometheus metrics on this port."),
]
MetricsHost = Annotated[str, typer.Option(help="Address of the metrics.")]
