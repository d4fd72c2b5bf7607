"""Who did what, from where, with which outcome: a line of JSON per call that changes something.

Callers that could not prove who they are have a line, too. Tokens never come here: a line is made of what identity and
contract say, not of metadata.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.rpc import code_pb2

from fenix_grpc.api.methods import METHODS
from fenix_grpc.api.status import code_of
from fenix_grpc.core.errors import InvalidRequest, NotAuthenticated
from fenix_grpc.logs import AUDIT
from fenix_grpc.ports import Caller, Clock, Peer

logger = logging.getLogger(AUDIT)

#: The client of a gateway that runs on its own, as that gateway tells; whoever calls directly may write anything.
FORWARDED = "fenix-peer"
#: Ids by which logs of both ends are brought together.
_CORRELATION = ("x-openstack-request-id", "x-request-id")
_TARGETS = ("session_id", "project_id", "instance_id", "group_id", "request_id")
#: Longest text of a caller's own that a line repeats.
_LONGEST = 256

#: Methods that change something: those that may be repeated with the same request_id.
CHANGING = frozenset(
    method.full_name
    for method in METHODS.values()
    if "request_id" in method.request.DESCRIPTOR.fields_by_name
)


@dataclass(slots=True, kw_only=True)
class Entry:
    """A call on its way; whoever performs it fills in what becomes known."""

    method: str
    request: Message
    metadata: Mapping[str, str]
    peer: Peer
    caller: Caller | None = None
    response: Any = None


class Audit:
    """Writes the lines."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: Calls whose caller could not prove who it is.
        self.refused = 0

    @contextmanager
    def call(
        self, method: str, request: Message, metadata: Mapping[str, str], peer: Peer
    ) -> Iterator[Entry]:
        """Around a call: writes its line, if it is one that has a line, when it has ended."""
        entry = Entry(method=method, request=request, metadata=metadata, peer=peer)
        try:
            yield entry
        except BaseException as err:
            self._ended(entry, err)
            raise
        self._ended(entry, None)

    def _ended(self, entry: Entry, err: BaseException | None) -> None:
        if isinstance(err, NotAuthenticated):
            self.refused += 1
            self._write(entry, event="refused", outcome=_outcome(err), reason=str(err))
        elif entry.method in CHANGING:
            self._write(entry, event="call", outcome=_outcome(err))

    def _write(self, entry: Entry, **more: str) -> None:
        caller, told = entry.caller, entry.metadata
        line = {
            "time": self._clock.now().isoformat(),
            "who": caller.name if caller else "",
            "roles": sorted(caller.roles) if caller else [],
            "project": caller.project_id if caller else "",
            "peer": entry.peer.address,
            "certificate": entry.peer.names,
            "forwarded_for": told.get(FORWARDED, "")[:_LONGEST],
            "method": entry.method,
            **{name: _text(entry.request, name) for name in _TARGETS},
            "correlation": next((told[k][:_LONGEST] for k in _CORRELATION if k in told), ""),
            **more,
        }
        created = getattr(entry.response, "session", None)
        if created is not None:
            line["session_id"] = created.session_id
        logger.info(json.dumps({key: value for key, value in line.items() if value}))


@contextmanager
def write_to(file: Path) -> Iterator[None]:
    """Appends the lines to a file, which only its owner can read, and no longer to the log. The file may be moved away
    at any time: a new one is begun. Raises InvalidRequest."""
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        handler = WatchedFileHandler(file, encoding="utf-8")
    except OSError as err:
        raise InvalidRequest("audit.file", f"cannot be written: {err}") from err
    handler.setFormatter(logging.Formatter("%(message)s"))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.level, logger.propagate = before
        logger.removeHandler(handler)
        handler.close()


def _text(request: Message, name: str) -> str:
    return str(getattr(request, name, ""))[:_LONGEST]


def _outcome(err: BaseException | None) -> str:
    """The name of a google.rpc.Code."""
    if err is None:
        return "OK"
    if not isinstance(err, Exception):
        return "CANCELLED"
    code = code_of(err)
    name: str = code_pb2.Code.Name(code_pb2.INTERNAL if code is None else code)
    return name
