"""What can be an id at all, for whoever is given one outside an event (events.md, section 1)."""

import re

from shared.limits import ID_BYTES_MAX, ID_CHARS_MAX

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def is_id(text: str) -> bool:
    """Whether an event could carry this id; no other text needs to be looked up."""
    return (
        1 <= len(text) <= ID_CHARS_MAX
        and len(text.encode("utf-8", "replace")) <= ID_BYTES_MAX
        and _CONTROL.search(text) is None
    )
