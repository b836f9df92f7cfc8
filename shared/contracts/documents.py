"""`python -m shared.contracts.documents [--check]`: the schemas that others build against.

Generated from the structs into `schemas/` beside this file and committed; a test compares them.
`make schemas` writes them.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from shared.contracts.asyncapi import asyncapi_document
from shared.contracts.json_schemas import events_document

FOLDER = Path(__file__).parent / "schemas"


def documents() -> dict[str, str]:
    """File name → text of every generated document."""
    found = {"asyncapi.json": asyncapi_document(), "events.schema.json": events_document()}
    return {name: json.dumps(document, indent=2) + "\n" for name, document in found.items()}


def stale_documents(found: Mapping[str, str], folder: Path) -> list[str]:
    """Names of the documents that are missing in `folder` or have another text there."""
    return [
        name
        for name, text in found.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def renew(found: Mapping[str, str], folder: Path, arguments: list[str]) -> int:
    """Write generated documents, or only say which are stale; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="write nothing; fail if any is stale")
    stale = stale_documents(found, folder)
    if parser.parse_args(arguments).check:
        for name in stale:
            sys.stderr.write(f"{name} is not what the structs say: run make schemas\n")
        return 1 if stale else 0
    folder.mkdir(exist_ok=True)
    for name in stale:
        (folder / name).write_text(found[name], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(renew(documents(), FOLDER, sys.argv[1:]))
