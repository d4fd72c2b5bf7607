"""A value made of files that somebody replaces while the server runs: certificates, tokens.

Whoever asks for it gets what the files say now. What cannot be read is reported once, and the last good value stays:
nobody must be locked out by half a file.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from fenix_grpc.core.errors import InvalidRequest

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds between two looks at the files.
LOOK_S = 1.0
_FORBIDDEN = stat.S_IROTH | stat.S_IWOTH

_State = tuple[tuple[int, int, int, int], ...]


class Followed(Generic[T]):
    """A value and the files that it is made of. Any thread may ask for it."""

    def __init__(
        self, paths: Sequence[Path], read: Callable[[], T], *, look_s: float = LOOK_S
    ) -> None:
        """`read` makes the value; it raises InvalidRequest or OSError, here as well."""
        self._paths = paths
        self._read = read
        self._look_s = look_s
        self._lock = threading.Lock()
        self._seen = self._state()
        self._value = self._read()
        self._looked = time.monotonic()

    def now(self) -> T:
        """What the files say, at most `look_s` ago."""
        if time.monotonic() - self._looked < self._look_s:
            return self._value
        with self._lock:
            self._looked = time.monotonic()
            try:
                state = self._state()
            except OSError as err:
                logger.error("%s; what was read before stays", err)
                return self._value
            if state != self._seen:
                self._seen = state
                self._renew()
        return self._value

    def _renew(self) -> None:
        names = ", ".join(map(str, self._paths))
        try:
            self._value = self._read()
        except (InvalidRequest, OSError) as err:
            logger.error(
                "%s changed and cannot be used; what was read before stays: %s", names, err
            )
        else:
            logger.info("%s changed and is used from now on", names)

    def _state(self) -> _State:
        found = [path.stat() for path in self._paths]
        return tuple((s.st_mtime_ns, s.st_size, s.st_ino, s.st_mode) for s in found)


def check_secret(path: Path) -> None:
    """Raises InvalidRequest when others than the owner and the group can read or change a file."""
    if os.stat(path).st_mode & _FORBIDDEN:
        raise InvalidRequest(str(path), "everybody on this machine can read it: chmod o-rwx it")
