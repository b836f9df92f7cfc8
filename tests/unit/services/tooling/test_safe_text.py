"""What publishers say may be shown in a terminal, and does nothing there."""

import pytest

from services.tooling.safe_text import one_line, safe


@pytest.mark.parametrize(
    ("said", "expected"),
    (
        ("Zoë – 日本\tno\nline", "Zoë – 日本\tno\nline"),
        ("\x1b[2J\x9b\x00\r", "\\x1b[2J\\x9b\\x00\\x0d"),
        ("a\u202eb\u2028c\u2066", "a\\u202eb\\u2028c\\u2066"),
        (b"\xff\xc3\xab", "\\xffë"),
        ("\ud800", "\\ud800"),
    ),
)
def test_only_what_a_terminal_obeys_is_escaped(said: str | bytes, expected: str) -> None:
    """Letters of all scripts stay as they are."""
    assert expected == safe(said)


def test_one_line_is_one_line() -> None:
    """A list has a line for each of its things."""
    assert "a\\x0ab\\x09c" == one_line("a\nb\tc")
