"""The curl lines of a document, sent with httpx: nobody needs curl to test what is written.

In a block of `sh` a line may be followed by what it answers: `# STATUS`, then a media type or a
statement about the body as jq would read it, `.data[0].id == "a"`.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from json import loads
from pathlib import Path
from typing import Any

import httpx

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"^curl (?:'[^']*'|\\\n|[^\n'])*(?:\n# (?P<answer>.*))?", re.MULTILINE)
_STEP = re.compile(r'\.?(?:(\w+)|\[(\d+)\]|\["([^"]+)"\])')
#: Options without a value, which change only what curl does with an answer.
_FLAGS = {"-N", "-OJ", "-s", "-i"}
#: What a stream may say before its test goes on.
_STREAMED = "text/event-stream"


@dataclass(frozen=True, slots=True)
class CurlLine:
    """One line: what is sent, and what it says that comes back."""

    words: list[str]
    status: int
    statement: str


def curl_lines(document: Path) -> Iterator[CurlLine]:
    """Every curl line of a document; one without a comment must be answered with 2xx."""
    for block in _BLOCK.findall(document.read_text(encoding="utf-8")):
        for found in _LINE.finditer(block):
            status, _, statement = (found["answer"] or "0").partition(" ")
            command = found[0].partition("\n# ")[0].replace("\\\n", " ")
            yield CurlLine(shlex.split(command)[1:], int(status), statement)


def send(line: CurlLine, replacements: dict[str, str], root: Path) -> None:
    """Send it with other hosts and keys, and compare.

    Args:
        replacements: text of the line → text that is sent.
        root: where files that it names lie.
    """
    method, url, headers, body = "GET", "", {}, None
    words = iter(_replaced(word, replacements) for word in line.words)
    for word in words:
        match word:
            case "-H":
                name, _, value = next(words).partition(":")
                headers[name] = value.strip()
            case "-d" | "--data-binary":
                said = next(words)
                body = (root / said[1:]).read_bytes() if said.startswith("@") else said.encode()
                method = "POST"
            case _ if word in _FLAGS:
                pass
            case _:
                url = word
    with httpx.stream(method, f"http://{url}", headers=headers, content=body, timeout=20) as answer:
        media_type = answer.headers.get("content-type", "")
        text = "" if media_type.startswith(_STREAMED) else answer.read().decode("utf-8", "replace")
    assert line.status in {0, answer.status_code}, f"{line}: {text}"
    assert line.status or answer.is_success, f"{line}: {text}"
    if line.statement.startswith("."):
        path, _, value = line.statement.partition(" == ")
        assert loads(value) == at(loads(text), path), f"{line}: {text}"
    else:
        assert media_type.startswith(line.statement), f"{line}: {media_type}"


def at(body: Any, path: str) -> Any:
    """What stands at a path: `.a[0]["b c"]`."""
    for step in _STEP.finditer(path):
        name, index, quoted = step.groups()
        body = body[int(index)] if index else body[name or quoted]
    return body


def _replaced(word: str, replacements: dict[str, str]) -> str:
    for text, other in replacements.items():
        word = word.replace(text, other)
    return word
