"""Bodies that the contract's decoder gives up on, taken apart by their grammar alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.lenient_json import elements_of, value_of

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_SPACES = st.text(" \t\r\n", max_size=3)


@given(st.lists(_VALUES, max_size=5), st.booleans(), _SPACES)
def test_elements_are_the_bytes_between_commas(
    values: list[object], ascii_only: bool, spaces: str
) -> None:
    """Whatever is in them: brackets and commas in texts, escapes, nested arrays."""
    texts = [
        json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "replace") for value in values
    ]
    around = spaces.encode()
    between = around + b"," + around

    body = around + b"[" + around + between.join(texts) + around + b"]" + around

    assert texts == elements_of(body)


@given(_VALUES, _SPACES)
def test_value_is_the_body_without_spaces_around(value: object, spaces: str) -> None:
    """One value, as it was written."""
    text = json.dumps(value).encode()

    assert text == value_of(spaces.encode() + text + spaces.encode())


@pytest.mark.parametrize(
    "raw", (b'"\\ud83d"', b'"\xff\xfe"', b'{"a": "\\udc00\xe9"}', b'"\x01"', b"1" * 5000)
)
def test_bytes_that_are_no_unicode_survive(raw: bytes) -> None:
    """They come back as they were."""
    assert raw == value_of(raw)
    assert [b"1", raw, b"[2]"] == elements_of(b"[1, " + raw + b" ,[2]]")


@pytest.mark.parametrize(
    "body",
    (b"", b" ", b"[", b"]", b"[1", b"[1,]", b"[,1]", b"[1 2]", b"[1]]", b"{}", b"[]1", b"[tru]"),
)
def test_what_is_no_array_is_refused(body: bytes) -> None:
    """Lenient about texts, not about the grammar around them."""
    with pytest.raises(ValueError, match=r"."):
        elements_of(body)


@pytest.mark.parametrize("body", (b"", b"{", b"1 2", b"{}}", b"x"))
def test_what_is_no_value_is_refused(body: bytes) -> None:
    """The same for one value."""
    with pytest.raises(ValueError, match=r"."):
        value_of(body)
