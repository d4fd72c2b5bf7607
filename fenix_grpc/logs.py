"""What the server prints: one line per thing that happened, with the request and the session that it belongs to.

`note` says what a task is about; every line that it and the tasks it starts print carries that. Lines are text for
people or JSON for programs. Nothing here decides what is worth a line.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import count
from typing import Literal

import msgspec

#: The logger of lines that are JSON in themselves: who did what (api/audit.py). They are printed as they are.
AUDIT = "fenix.audit"

#: What the present task is about, by word: request, method, session, step.
_ABOUT: ContextVar[Mapping[str, str]] = ContextVar("about")
_NOTHING: Mapping[str, str] = {}

#: In metadata and headers: what a caller calls its request, and gets back.
REQUEST_ID = "x-request-id"
_USABLE = re.compile(r"[!-~]{1,128}")
#: Names of requests: that of this process, drawn once, and a number. Drawing each anew costs more than some calls.
_PROCESS = f"req-{secrets.token_hex(6)}-"
_NUMBERS = count(1)


def note(**facts: str) -> None:
    """From now on this task is about that, besides what it was about before."""
    _ABOUT.set({**_ABOUT.get(_NOTHING), **facts})


def request_id(metadata: Mapping[str, str]) -> str:
    """What the caller calls its request, or a new name where it does not or not in a usable way."""
    said = metadata.get(REQUEST_ID, "")
    return said if said and _USABLE.fullmatch(said) else f"{_PROCESS}{next(_NUMBERS):x}"


class Text(logging.Formatter):
    """For people: what it is about stands at the end, in brackets."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, before a traceback."""
        facts = " ".join(f"{key}={value}" for key, value in _ABOUT.get(_NOTHING).items() if value)
        line = super().formatMessage(record)
        return f"{line} [{facts}]" if facts else line


class Lines(logging.Formatter):
    """For programs: a JSON object per line, also where there is a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{key: value for key, value in _ABOUT.get(_NOTHING).items() if value},
        }
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(said).decode()


class Standing(logging.Formatter):
    """Lines that stand on their own as they are, all others as `form` has them."""

    def __init__(self, form: logging.Formatter) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return record.getMessage() if record.name == AUDIT else self._form.format(record)


def _callers_fault(record: logging.LogRecord) -> bool:
    """gRPC reports what callers do as errors with a traceback. Of text that is no UTF-8 a line is left, of those who
    left in the moment in which they were answered nothing."""
    kind = record.exc_info[0] if record.exc_info else None
    if kind is not None and kind.__name__ == "ExecuteBatchError":
        return False
    if record.exc_info and (kind is None or issubclass(kind, UnicodeError)):
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def configure(form: Literal["text", "json"], level: str) -> None:
    """Everything that is logged in this process goes to standard error in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(Standing(Lines() if form == "json" else Text()))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger(AUDIT).setLevel(logging.INFO)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_callers_fault)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # A connection that breaks while it is given back is no news: whoever needs the database next tells.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
