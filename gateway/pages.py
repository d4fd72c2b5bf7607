"""Paths that belong to the gateway itself: versions, health, and the documents of the API (see `gateway/contract`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from gateway.asgi import Answer

_VERSION = {"id": "v1", "status": "CURRENT", "links": [{"rel": "self", "href": "/v1/"}]}
_ANSWERS: Mapping[str, bytes] = {
    "": msgspec.json.encode({"versions": [_VERSION]}),
    "/v1": msgspec.json.encode({"version": _VERSION}),
    "/healthz": msgspec.json.encode({"status": "ok"}),
}
#: The page shows what fenix says and nothing else: whatever it might be tricked into, it loads and sends nothing.
_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def at(path: str, view: str) -> Answer | None:
    """The page at a path without a slash at its end; None where there is none. `view` is that of the document."""
    if path in _ANSWERS:
        return Answer(status=200, body=_ANSWERS[path])
    if path == "/openapi.json":
        vary = ((b"vary", b"accept"),)
        return Answer(status=200, body=_file(f"openapi-{view}.json"), headers=vary)
    if path == "/docs":
        return Answer(
            status=200,
            body=_file("docs.html"),
            headers=((b"content-security-policy", _POLICY),),
            content_type=b"text/html; charset=utf-8",
        )
    return None


@cache
def _file(name: str) -> bytes:
    return (files(__package__) / "documents" / name).read_bytes()
