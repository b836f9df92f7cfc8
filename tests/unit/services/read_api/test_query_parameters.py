"""Query parameters: each is said once and bounded, and the refusal names it."""

from collections.abc import Callable

import pytest

from services.read_api.query_parameters import (
    InvalidParameter,
    Query,
    boolean,
    choice,
    identifier,
    instant,
    integer,
    read_query,
)


def test_known_parameters_are_decoded_and_others_ignored() -> None:
    """An unknown one may even be said twice."""
    said = read_query(b"a=%C3%A9+b&x=1&x=2&empty=", {"a", "empty", "absent"})
    assert {"a": "é b", "empty": ""} == said


@pytest.mark.parametrize(
    ("query", "message"),
    ((b"a=1&a=1", "a must be given once"), (b"a=%FF", "query must be percent-encoded UTF-8")),
)
def test_query_that_cannot_be_read_is_refused(query: bytes, message: str) -> None:
    """The message names the parameter, or the whole."""
    with pytest.raises(InvalidParameter, match=f"^{message}$"):
        read_query(query, {"a"})


def _page(said: Query) -> object:
    return integer(said, "a", 7, 10)


def _offset(said: Query) -> object:
    return integer(said, "a", 0, 10, least=0)


def _choice(said: Query) -> object:
    return choice(said, "a", ("x", "y"))


def _boolean(said: Query) -> object:
    return boolean(said, "a")


def _instant(said: Query) -> object:
    return instant(said, "a")


def _identifier(said: Query) -> object:
    return identifier(said, "a")


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    (
        (_page, "1", 1),
        (_page, "10", 10),
        (_offset, "0", 0),
        (_choice, "y", "y"),
        (_boolean, "True", True),
        (_boolean, "0", False),
        (_instant, "1970-01-01T00:00:01Z", 1_000_000),
        (_instant, "1970-01-01T02:00:01 02:00", 1_000_000),
        (_identifier, "a/b", "a/b"),
    ),
)
def test_value_is_read(read: Callable[[Query], object], text: str, expected: object) -> None:
    """The plus of an offset that was not encoded has come as a space."""
    assert expected == read({"a": text})


@pytest.mark.parametrize(
    ("read", "expected"),
    ((_page, 7), (_choice, None), (_boolean, None), (_instant, None), (_identifier, None)),
)
def test_what_is_not_said_is_the_default(read: Callable[[Query], object], expected: object) -> None:
    """None, but for integers."""
    assert expected == read({})


@pytest.mark.parametrize(
    ("read", "text"),
    (
        *((_page, text) for text in ("0", "11", "-1", "+1", "1.0", "", "٣", "9" * 13)),
        (_choice, "z"),
        (_boolean, "yes"),
        (_instant, "2025-01-01T00:00:00"),
        (_instant, ""),
        (_identifier, ""),
        (_identifier, "a\n"),
        (_identifier, "a" * 129),
    ),
)
def test_impossible_value_is_refused_by_name(read: Callable[[Query], object], text: str) -> None:
    """What it must be follows the name."""
    with pytest.raises(InvalidParameter, match=r"^a must be ") as refused:
        read({"a": text})
    assert "a" == refused.value.name
    assert str(refused.value) == f"a {refused.value.demand}"
