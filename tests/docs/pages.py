"""The blocks of a page of docs/: what they are, and whether they are what they say.

The words after the language say what a reader does with a block: the name of the file that it is, `exit=N` when its
last command ends with N, `stays` for a program that goes on until the end of the page.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fenix_grpc import config

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))

_FENCE = re.compile(r"^```(\w*) ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block."""

    place: str
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def file(self) -> str:
        """The name of the file that it is; empty when it is none."""
        return next((word for word in self.words if "." in word), "")

    @property
    def stays(self) -> bool:
        """Its program goes on."""
        return "stays" in self.words

    @property
    def exit_code(self) -> int:
        """How its last command ends."""
        return next((int(word[5:]) for word in self.words if word.startswith("exit=")), 0)

    def commands(self) -> Iterator[tuple[str, str]]:
        """Commands with the output shown of each; no command for the output that a block begins with."""
        output, *rest = re.split(r"^\$ ", self.text, flags=re.MULTILINE)
        if output:
            yield "", output
        for part in rest:
            lines = part.splitlines(keepends=True)
            last = next(n for n, line in enumerate(lines) if not line.endswith("\\\n"))
            yield "".join(lines[: last + 1]), "".join(lines[last + 1 :])


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        place = f"{page.name}:{text.count(chr(10), 0, found.start()) + 1}"
        yield Block(place=place, language=found[1], words=tuple(found[2].split()), text=found[3])


def check(block: Block) -> None:
    """Raises when a block is not what its language says."""
    match block.language:
        case "toml" if block.file in ("", "fenix.toml"):
            config.parse(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "json":
            json.loads(block.text)
        case "python":
            compile(block.text, block.place, "exec")
        case language:
            assert language in ("console", "sh", "yaml", "text"), f"{block.place}: {language!r}"
