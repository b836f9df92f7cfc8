"""One entry of the log as a line for people; used by `log peek` and `log grep`."""

from base64 import b64encode

from services.tooling.log_commands.event_lines import MODE_NAMES, one_line
from services.tooling.safe_text import safe
from shared.contracts.instants import us_text_ms
from shared.storage.log_reading import LogEntry


def event_text(entry: LogEntry, event: bytes, *, checked: bool = False) -> bytes:
    """Where it is, when it was received, in which mode, and the event; UTF-8, without its end.

    Args:
        event: as `event_lines.event_bytes` gives it.
        checked: say that the checksums hold, which reading has made sure of.
    """
    words = [
        f"{entry.partition} {entry.ms}-{entry.seq}",
        us_text_ms(entry.received_ms * 1000),
        MODE_NAMES[entry.mode],
        *(["checksum ok"] if checked else []),
    ]
    said = one_line(event)
    words.append(safe(said) if said is not None else f"base64:{b64encode(event).decode()}")
    return "  ".join(words).encode()
