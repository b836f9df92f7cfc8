"""The events of a pass over the log that a filter wants; used by `log grep` and `log export`."""

from collections.abc import Iterator

from services.tooling.log_commands.event_filter import EventFilter
from services.tooling.log_commands.event_lines import event_bytes
from services.tooling.log_commands.scan_progress import ScanProgress
from shared.storage.log_reading import LogEntry, LogScan


def wanted_events(
    scan: LogScan, wanted: EventFilter, progress: ScanProgress
) -> Iterator[tuple[LogEntry, bytes]]:
    """Each entry that is wanted with its event; damage is told where it is met."""
    found = 0
    for entry in scan.entries(progress.say_damaged):
        event = event_bytes(entry)
        if wanted.matches(event):
            found += 1
            yield entry, event
        progress.passed(found)
