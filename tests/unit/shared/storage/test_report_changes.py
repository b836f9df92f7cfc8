"""What a commit touches, as it is sent: everything is told, in fewer than 8,000 bytes."""

import pytest

from shared.storage.report_changes import (
    PAYLOAD_BYTES_MAX,
    Touched,
    decode_touched,
    encode_touched,
)


@pytest.mark.parametrize(
    "touched",
    (
        {"acme": {"exec-1", "exec-2"}, "other": {"exec-1"}},
        {"acme": None, "other": {"all"}},
        {'or"ga\\n ☎': {"é" * 128}},
    ),
)
def test_what_is_sent_is_heard(touched: Touched) -> None:
    """Names survive whatever they hold."""
    assert touched == decode_touched(encode_touched(touched).decode())


def test_payload_as_long_as_may_be_names_executions() -> None:
    """One byte more, and only their organization is named."""
    name = "x" * (PAYLOAD_BYTES_MAX - len(b'{"acme":[""]}'))
    longest: Touched = {"acme": {name}}
    assert PAYLOAD_BYTES_MAX == len(encode_touched(longest))
    assert longest == decode_touched(encode_touched(longest).decode())
    assert {"acme": None} == decode_touched(encode_touched({"acme": {name + "x"}}).decode())


def test_length_is_counted_in_bytes() -> None:
    """PostgreSQL's limit is one of bytes, names are text."""
    executions = {f"{number:02}{'é' * 126}" for number in range(40)}
    payload = encode_touched({"acme": executions})
    assert {"acme": None} == decode_touched(payload.decode())


def test_too_many_organizations_are_everything() -> None:
    """Then any report may have changed."""
    touched: Touched = {f"{number:0120}": {"exec-1"} for number in range(100)}
    payload = encode_touched(touched)
    assert len(payload) <= PAYLOAD_BYTES_MAX
    assert decode_touched(payload.decode()) is None


@pytest.mark.parametrize("payload", ("", "all", "[]", '{"acme":1}', '{"acme"', "\udcff"))
def test_what_is_not_understood_is_everything(payload: str) -> None:
    """Another release may say it otherwise; forgetting too much is never wrong."""
    assert decode_touched(payload) is None
