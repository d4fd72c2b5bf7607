"""Texts of the operator's configuration with places for what an action works on: {host}, {session_id} and so on.

The words come from the configuration alone; what is put into them never becomes a template itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.ports import ActionRequest

PLACES = ("host", "host_kind", "type", "session_id", "packages")


def values(request: ActionRequest) -> dict[str, str]:
    """What the places stand for in one run."""
    return {
        "host": request.host,
        "host_kind": request.host_kind or "",
        "type": request.type,
        "session_id": request.session_id,
        "packages": request.packages,
    }


def check(field: str, texts: Iterable[str], more: Mapping[str, object] | None = None) -> None:
    """Raises InvalidRequest for a text with other places; `more` are those that this one may have besides."""
    sample = {**dict.fromkeys(PLACES, ""), **(more or {})}
    for number, text in enumerate(texts):
        try:
            text.format_map(sample)
        except (KeyError, IndexError, ValueError, AttributeError, TypeError) as err:
            known = ", ".join(f"{{{name}}}" for name in sample)
            raise InvalidRequest(
                f"{field}[{number}]",
                f"{text} has something else in braces than {known}; write {{{{ for a brace",
            ) from err
