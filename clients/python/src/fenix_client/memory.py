"""A few facts that a process keeps over its own restart, in a small JSON file.

Not a database: every write writes the whole file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Memory:
    """Facts by name; without a file they last as long as the process."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._facts: dict[str, Any] = {}
        if path is not None and path.exists():
            self._facts = json.loads(path.read_text())

    def get(self, name: str, default: Any) -> Any:
        """A fact, or `default` when it was never put."""
        return self._facts.get(name, default)

    def put(self, name: str, value: Any) -> None:
        """Keeps a fact; it is on disk when this returns."""
        if self._facts.get(name) == value:
            return
        self._facts[name] = value
        if self._path is not None:
            new = self._path.with_name(self._path.name + ".new")
            new.write_text(json.dumps(self._facts))
            new.replace(self._path)  # at no moment is the file half written
