"""Serves the documents: `/openapi.json`, `/asyncapi.json`, and a page of each. No key is needed."""

import json
from typing import Final

from litestar import Router, route
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from services.read_api.documents.openapi import FOLDER, OPENAPI_FILE
from services.read_api.documents.pages import asyncapi_page, openapi_page
from services.read_api.reading.answers import JSON_MEDIA_TYPE
from services.read_api.requests import METHODS
from shared.contracts.documents import FOLDER as CONTRACT_FOLDER

#: Pages hold no script and load nothing but their style, so they work without any other network.
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_HEADERS: Final = {"content-security-policy": _POLICY, "x-content-type-options": "nosniff"}
_HTML: Final = "text/html; charset=utf-8"


def document_routes() -> Router:
    """The files as they are committed, and pages made of them now."""
    openapi = OPENAPI_FILE.read_bytes()
    asyncapi = (CONTRACT_FOLDER / "asyncapi.json").read_bytes()
    return Router(
        "/",
        route_handlers=[
            _served("/openapi.json", openapi, JSON_MEDIA_TYPE),
            _served("/asyncapi.json", asyncapi, JSON_MEDIA_TYPE),
            _served("/docs", openapi_page(json.loads(openapi)), _HTML),
            _served("/asyncapi", asyncapi_page(json.loads(asyncapi)), _HTML),
            _served("/docs.css", (FOLDER / "docs.css").read_bytes(), "text/css; charset=utf-8"),
        ],
    )


def _served(path: str, body: bytes, media_type: str) -> HTTPRouteHandler:
    @route(path, http_method=METHODS)
    async def served() -> ASGIResponse:
        return ASGIResponse(body=body, headers={**_HEADERS, "content-type": media_type})

    return served
