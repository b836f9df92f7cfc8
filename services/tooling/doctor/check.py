"""One thing that was looked at: whether it is well, what was found, and what to do."""

from typing import Literal

from msgspec import Struct

Standing = Literal["ok", "warning", "error"]


class Check(Struct, frozen=True, rename="camel"):
    """What a check found."""

    #: Family and subject, such as `redis persistence`.
    name: str
    standing: Standing
    found: str
    #: None where all is well.
    to_do: str | None = None


def well(name: str, found: str) -> Check:
    """Nothing to do."""
    return Check(name, "ok", found)


def doubtful(name: str, found: str, to_do: str) -> Check:
    """It works, and may not for long, or not as well."""
    return Check(name, "warning", found, to_do)


def wrong(name: str, found: str, to_do: str) -> Check:
    """Events are not folded, or may be lost."""
    return Check(name, "error", found, to_do)


def judged(name: str, found: str, to_do: str, *, good: bool, fatal: bool = True) -> Check:
    """Well where it is good, else wrong, or only doubtful where that is not fatal."""
    return well(name, found) if good else (wrong if fatal else doubtful)(name, found, to_do)


def size_text(size_bytes: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size_bytes < 1024:  # noqa: PLR2004 -- binary units
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} TiB"


def lanes_text(lanes: list[int]) -> str:
    """Lanes in a sentence."""
    return ", ".join("inbox" if lane < 0 else str(lane) for lane in lanes)
