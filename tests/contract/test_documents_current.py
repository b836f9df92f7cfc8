"""The committed schemas are what the structs say."""

from pathlib import Path

import pytest

from shared.contracts.asyncapi import asyncapi_document, examples
from shared.contracts.documents import FOLDER, documents, renew, stale_documents
from shared.contracts.event_types import EVENT_CLASSES, WIRE_NAMES
from shared.contracts.stream_names import partition_stream


def test_committed_documents_are_what_the_structs_say() -> None:
    """A changed struct without `make schemas` fails here, and names the stale file."""
    assert [] == stale_documents(documents(), FOLDER)


def test_check_of_a_stale_document_fails_and_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` writes nothing and ends with 1; without it the document is written anew."""
    found = documents()
    for name, text in found.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "asyncapi.json").write_text("{}", encoding="utf-8")

    assert 1 == renew(found, tmp_path, ["--check"])
    assert "asyncapi.json is not what the structs say" in capsys.readouterr().err
    assert "{}" == (tmp_path / "asyncapi.json").read_text(encoding="utf-8")
    assert 0 == renew(found, tmp_path, [])
    assert 0 == renew(found, tmp_path, ["--check"])


def test_documents_know_every_type_and_no_field_of_our_own() -> None:
    """One message and one schema per event type; the codec's own field is not published."""
    document = asyncapi_document()
    names = list(WIRE_NAMES.values())

    assert names == list(document["components"]["messages"])
    assert names == [event["type"] for event in examples()]
    assert {cls.__name__ for cls in EVENT_CLASSES} <= set(document["components"]["schemas"])
    assert not any("microseconds" in text for text in documents().values())


def test_address_of_a_partition_with_its_braces_is_its_stream() -> None:
    """The braces of the stream's name are literal, so the parameter's values carry them."""
    channel = asyncapi_document()["channels"]["partition"]
    address = channel["address"]

    for braced in channel["parameters"]["partition"]["examples"]:
        number = int(braced.strip("{}"))
        assert partition_stream(number) == address.replace("{partition}", braced)
