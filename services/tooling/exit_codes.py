"""What the exit code of every command means; `callfold --help` says the same."""

from typing import Final

OK: Final = 0
#: Something went wrong, or not everything was done; standard error says what.
FAILED: Final = 1
#: A wrong option or argument; typer's own code for it.
USAGE: Final = 2
#: What was compared differs; the rows are in the output.
DIFFERENT: Final = 3
#: A limit that the command names was passed, so it stopped.
LIMIT_PASSED: Final = 4
#: Ctrl-C.
INTERRUPTED: Final = 130
