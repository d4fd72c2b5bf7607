"""Reads what an operator configured into a typed value, with errors that name the option at fault.

Plug-ins and file readers share it so that a wrong option reads the same everywhere. It knows no option itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from fenix_grpc.core.errors import InvalidRequest

T = TypeVar("T")


def read_options(options: Mapping[str, Any], kind: type[T], where: str) -> T:
    """`options` as a `kind`. Raises InvalidRequest whose field is `where` and the path below it."""
    try:
        return msgspec.convert(options, kind)
    except msgspec.ValidationError as err:
        # msgspec API: "<problem> - at `$.path.to[0].field`"; no path at the top.
        problem, _, path = str(err).partition(" - at `$")
        raise InvalidRequest(where + path.rstrip("`"), problem) from err
