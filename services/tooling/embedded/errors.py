"""What the embedded servers raise: one class, one line of text that says what to do."""

from shared.errors import CallfoldError


class EmbeddedServerError(CallfoldError):
    """An embedded server cannot run here; the message is one line for the person at the terminal.

    Callers print it and end with an exit code; trying again without a change does not help.
    """
