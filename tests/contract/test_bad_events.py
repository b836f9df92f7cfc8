"""Rule 7 of events.md: what breaks the contract is refused with a reason that names the key."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.codec import decode_event, decode_fields, find_subject
from shared.contracts.park_reasons import ParkReason
from shared.errors import ContractError
from shared.limits import EVENT_BYTES_MAX
from tests.contract.bad_entries import BAD_ENTRIES
from tests.contract.wire import (
    ABSENT,
    GOOD,
    BadEntry,
    binary,
    changed,
    json_bytes,
    padded,
    saying,
    structured,
)

Mode = Callable[[dict[str, Any]], list[bytes]]


@pytest.mark.parametrize("bad", BAD_ENTRIES, ids=lambda bad: bad.name)
def test_bad_event_is_refused_with_its_reason(bad: BadEntry) -> None:
    """Every way to break the contract has its reason, and a detail that names the key."""
    with pytest.raises(ContractError) as caught:
        decode_fields(bad.fields)

    assert bad.reason is caught.value.reason
    assert bad.where in caught.value.detail
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) < 600


def test_names_of_bad_entries_are_unique() -> None:
    """A table that says a thing twice hides one of the two."""
    names = [bad.name for bad in BAD_ENTRIES]
    assert len(set(names)) == len(names)


def test_every_reason_of_the_contract_has_an_entry() -> None:
    """Only the three reasons of our own making are missing: those need a projector."""
    ours = {ParkReason.FOLD_FAILED, ParkReason.DATABASE_REFUSED, ParkReason.CRASHED}
    assert set(ParkReason) - ours == {bad.reason for bad in BAD_ENTRIES}


@pytest.mark.parametrize(
    "event",
    (
        changed(id="x" * 128),
        changed(source="x" * 256),
        changed(subject="é" * 128),
        changed(organizationid="€" * 85 + "x"),
        changed(source="é" * 128),
        changed(id="日本語 with spaces, 'quotes' and {braces}"),
        changed(executionid=None, sequence=None, dataschema=None),
        changed(executionid=ABSENT, unknownattribute={"any": ["thing"]}),
        changed(sequence=2**53),
        changed(dataschema="https://events.example/call.ended/v1"),
        changed(dataschema="/v01"),
        changed(time="2026-03-02t09:03:00z"),
        changed(time="0001-01-01T00:00:00Z"),
        changed(time="9999-12-31T23:59:59.999999999Z"),
        saying("call.ended", outcome="abducted", flowOutcome="unheard_of"),
        saying("call.ended", hangupCode=-(2**53), durationMs=2**53),
        saying("call.ended", durationMs=None, outcome=None, final=None),
        saying("call.ended", error="a literal \\u0000, a tab\t and an emoji 😀"),
        saying("call.ended", note="\x7f\x80 in a text that is no key"),
        saying("call.ended", huge=[10**400, 1.5, "1e999", "9" * 9_000, "[{" * 300]),
        saying("call.ended", deep=[[[]] * 300], digits=[10**3_998] * 4),
        saying("call.analyzed", extractedData=None),
        saying("variable.set", name="x", value=0),
        saying("variable.set", name="x", value=""),
        saying("contact.updated", attributes={"x" * 128: None}),
    ),
    ids=lambda event: json.dumps(event["data"])[:40] + str(event.get("time"))[:12],
)
@pytest.mark.parametrize("mode", (structured, binary), ids=("structured", "binary"))
def test_event_at_a_limit_is_accepted(event: dict[str, Any], mode: Mode) -> None:
    """The limits themselves are allowed, unknown keys too, and null is absent."""
    if mode is binary:
        event = {name: value for name, value in event.items() if value is not None}

    assert event["id"] == decode_fields(mode(event)).id


def test_event_of_exactly_the_limit_is_accepted() -> None:
    """1 MiB is allowed; one byte more is not (see the table)."""
    raw = padded(EVENT_BYTES_MAX)

    assert EVENT_BYTES_MAX == len(raw)
    assert "event-1" == decode_event(raw).id


def test_event_is_accepted_up_to_a_hundred_levels() -> None:
    """The event and its payload are two of them; one more is refused (see the table)."""
    raw = json_bytes(changed(data="@")).replace(b'"@"', b'{"x":' * 98 + b"[]" + b"}" * 98)

    assert "event-1" == decode_event(raw).id


@pytest.mark.parametrize(
    ("text", "equal"),
    (
        ("2026-03-02T09:03:00.123456999Z", "2026-03-02T09:03:00.123456Z"),
        ("2026-03-02T09:03:00.9999999Z", "2026-03-02T09:03:00.999999Z"),
        ("2026-03-02T10:33:00+01:30", "2026-03-02T09:03:00Z"),
        ("2026-03-01T22:03:00.5-11:00", "2026-03-02T09:03:00.500Z"),
    ),
)
def test_times_that_mean_the_same_are_equal(text: str, equal: str) -> None:
    """Offsets are honoured, digits beyond the microsecond are cut and never rounded."""
    assert decode_event(json_bytes(changed(time=equal))).time_us == (
        decode_event(json_bytes(changed(time=text))).time_us
    )


def test_binary_data_cannot_reach_beyond_its_place() -> None:
    """A payload that tries to end its place and say another subject is refused, not obeyed."""
    fields = binary(changed(data=b'{}, "subject": "call-2", "x": {}'))

    with pytest.raises(ContractError) as caught:
        decode_fields(fields)

    assert ParkReason.NOT_JSON is caught.value.reason


def test_quotes_in_a_binary_attribute_stay_in_it() -> None:
    """An attribute's text is text, whatever JSON it looks like."""
    event = decode_fields(binary(changed(id='x","subject":"call-2')))

    assert ('x","subject":"call-2', "call-1") == (event.id, event.subject)


def test_sequence_of_binary_mode_is_a_number() -> None:
    """Binary mode knows text only; a plain integer is read as one."""
    assert 41 == decode_fields(binary(changed(sequence="41"))).sequence


def test_binary_event_without_order_is_the_same() -> None:
    """The fields of an entry may stand in any order."""
    fields = binary(dict(reversed(list(GOOD.items()))))

    assert "call-1" == decode_fields(fields).subject


@pytest.mark.parametrize(
    ("fields", "subject"),
    (
        (structured(changed(type="call.exploded")), "call-1"),
        (binary(changed(data=b"words")), "call-1"),
        (structured(changed(subject="")), None),
        (structured(changed(subject="x" * 257)), None),
        (structured(changed(subject=7)), None),
        (structured(b"words"), None),
        (structured(b"[1]"), None),
        (binary(changed(subject=b"caf\xe9")), None),
        ([b"message", b"hello"], None),
    ),
)
def test_subject_of_a_bad_event_is_found_where_it_is_usable(
    fields: list[bytes], subject: str | None
) -> None:
    """The inbox hands a bad event to its subject's partition if it can tell one."""
    assert subject == find_subject(fields)
