"""A network apart: a namespace of the kernel, joined to this one by a wire that can be pulled.

What is sent while it is pulled is lost without a word, as behind a dead switch: nothing is refused, nothing is closed.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache

_numbers = itertools.count()


class Wire:
    """Between here and a namespace. Only root may make one; see `why_not`."""

    def __init__(self) -> None:
        number = next(_numbers)
        self._name = f"fx{os.getpid()}n{number}"
        self._end = f"{self._name}h"
        # Of the range for tests of devices (RFC 2544): no host of anybody is there.
        first = (os.getpid() * 4 + number * 4) % 65536
        network = f"198.18.{first // 256}"
        #: Of what runs there.
        self.address = f"{network}.{first % 256 + 2}"
        _ip("netns", "add", self._name)
        try:
            _ip(
                "link", "add", self._end, "type", "veth", "peer", "name", "far", "netns", self._name
            )
            _ip("addr", "add", f"{network}.{first % 256 + 1}/30", "dev", self._end)
            _ip("-n", self._name, "addr", "add", f"{self.address}/30", "dev", "far")
            for device in ("lo", "far"):
                _ip("-n", self._name, "link", "set", device, "up")
            self.join()
        except BaseException:
            self.remove()
            raise

    def there(self, command: Sequence[str]) -> list[str]:
        """The command as it runs there."""
        return ["ip", "netns", "exec", self._name, *command]

    def pull(self) -> None:
        """Nothing gets through any more."""
        _ip("link", "set", self._end, "down")

    def join(self) -> None:
        """Everything gets through again."""
        _ip("link", "set", self._end, "up")

    def remove(self) -> None:
        """With what is left of the namespace."""
        _ip("netns", "del", self._name)


@cache
def why_not() -> str:
    """Why this machine cannot have a wire; empty when it can."""
    if os.getuid() != 0:
        return "only root may make a network namespace"
    if shutil.which("ip") is None:
        return "there is no ip: apt-get install iproute2"
    try:
        Wire().remove()
    except subprocess.CalledProcessError as err:
        return f"this machine allows no network namespace: {err.stderr.strip()}"
    return ""


def _ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, capture_output=True, text=True, timeout=10)
