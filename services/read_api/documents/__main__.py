"""`python -m services.read_api.documents [--check]`: the OpenAPI document, from the structs.

Written beside this file and committed; a test compares it. `make schemas` writes it.
"""

import sys

from services.read_api.documents.openapi import FOLDER, OPENAPI_FILE, openapi_text
from shared.contracts.documents import renew

if __name__ == "__main__":
    sys.exit(renew({OPENAPI_FILE.name: openapi_text()}, FOLDER, sys.argv[1:]))
