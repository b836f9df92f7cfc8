"""A check of Schemathesis' own process, which loads it by the name of this module.

`CALLFOLD_FOREIGN_MARK` is in every text of the organization whose key is not sent.
"""

import os
from io import BytesIO
from zipfile import ZipFile

import schemathesis
from schemathesis import CheckContext, Response

_MARK = os.environ["CALLFOLD_FOREIGN_MARK"].encode()


@schemathesis.check
def nothing_of_another_organization(
    _context: CheckContext, response: Response, _case: object
) -> None:
    """No answer, and no header of one, holds a text of the other organization."""
    headers = [value.encode() for values in response.headers.values() for value in values]
    for text in (response.content, *_unpacked(response.content), *headers):
        assert _MARK not in text


def _unpacked(body: bytes) -> list[bytes]:
    """What is in a spreadsheet, which is a ZIP file."""
    if not body.startswith(b"PK"):
        return []
    with ZipFile(BytesIO(body)) as archive:
        return [archive.read(name) for name in archive.namelist()]
