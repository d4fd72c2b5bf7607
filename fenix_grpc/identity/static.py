"""Tokens from a file, for sites without Keystone. The file has no tokens, only their SHA-256:

    [tokens]
    ops = { role = "admin", sha256 = "5d0f..." }
    red-vnfm = { role = "project", project = "red", sha256 = "9c1a...", expires = 2030-01-31T22:00:00Z }

A fast hash is enough because `new_token` draws 256 bits: nobody can try them all, and no salt is needed where no two
are alike. The file is read again when it changes (see followed.py).
"""

from __future__ import annotations

import hashlib
import secrets
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from fenix_grpc.core.errors import InvalidRequest, NotAuthenticated
from fenix_grpc.followed import LOOK_S, Followed, check_secret
from fenix_grpc.options import read_options
from fenix_grpc.ports import Caller, Clock, Role

#: Tokens made here begin so: nobody else is asked about them, and a scanner for secrets can find them.
PREFIX = "fenix_"
_BYTES = 32


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the file."""

    role: Literal["admin", "reader", "project"]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    #: The project that a manager speaks for.
    project: str = ""
    #: Aware, or UTC.
    expires: datetime | None = None


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tokens: dict[str, Entry] = {}


class StaticTokens:
    """Callers by token."""

    def __init__(self, file: Path, clock: Clock, *, look_s: float = LOOK_S) -> None:
        """Raises InvalidRequest when the file cannot be used."""
        self._clock = clock
        try:
            self._callers = Followed([file], lambda: _read(file), look_s=look_s)
        except OSError as err:
            raise InvalidRequest("auth.static.file", str(err)) from err

    async def caller_of(self, token: str) -> Caller | None:
        """The caller; None for a token that was not made here. Raises NotAuthenticated."""
        caller = self._callers.now().get(digest(token))
        if caller is None:
            if token.startswith(PREFIX):
                raise NotAuthenticated("the token is not known here, or no longer")
            return None
        if caller.until is not None and caller.until <= self._clock.now():
            raise NotAuthenticated(f"the token of {caller.name} has expired")
        return caller


def new_token() -> str:
    """A token that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def digest(token: str) -> str:
    """What the file has of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def line_of(name: str, entry: Entry) -> str:
    """The line of the file."""
    words = [f'role = "{entry.role}"']
    words += [f"project = {_quoted(entry.project)}"] if entry.project else []
    words += [f'sha256 = "{entry.sha256}"']
    if entry.expires is not None:
        words.append(f"expires = {entry.expires.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    return f"{_quoted(name)} = {{ {', '.join(words)} }}"


def _quoted(text: str) -> str:
    """As TOML writes a text: the escapes of JSON are among its own."""
    return msgspec.json.encode(text).decode()


def _read(file: Path) -> Mapping[str, Caller]:
    check_secret(file)
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise InvalidRequest(str(file), f"is not TOML: {err}") from err
    callers: dict[str, Caller] = {}
    for name, entry in read_options(data, _File, str(file)).tokens.items():
        place = f"{file}.tokens.{name}"
        if (entry.role == "project") != bool(entry.project):
            raise InvalidRequest(place, "a project belongs to the role project, and to no other")
        if entry.sha256 in callers:
            raise InvalidRequest(place, f"has the token of {callers[entry.sha256].name}")
        callers[entry.sha256] = Caller(
            name=name,
            roles=frozenset({Role(entry.role)}),
            project_id=entry.project,
            until=_aware(entry.expires),
        )
    return callers


def _aware(when: datetime | None) -> datetime | None:
    return when.replace(tzinfo=UTC) if when and when.tzinfo is None else when
