"""What docs/first-vnfm.md tells an author of a VNFM is what happens, in every language."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from fenix_grpc.cli.processes import free_ports
from tests.clients.languages import CLIENTS, PATIENCE_S, Language
from tests.docs.pages import DOCS, Block, blocks
from tests.docs.reader import PORTS, Reader

PAGE = DOCS / "first-vnfm.md"
RUN = DOCS / "run.md"
#: Headings of the page that are not the name of the language.
TITLES = {"cpp": "c++"}


async def test_the_page_can_be_followed(language: Language, tmp_path: Path) -> None:
    *building, starting = section(TITLES.get(language.name, language.name), tmp_path)
    creating, transcript = section("a session", tmp_path)
    for block in building:
        build(block)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "clients").symlink_to(CLIENTS)
    async with aclosing(Reader(folder, free_ports(len(PORTS)))) as reader:
        for block in blocks(RUN):  # the folder and the server of that page
            await reader.do(block)
            if block.stays:
                break
        first, rest = transcript.text.split("\n", 1)
        await reader.do(typed(starting, f"{first}\n"))
        await reader.do(typed(creating, "...\n"))
        await reader.do(replace(transcript, language="console", text=rest))


def section(title: str, tmp_path: Path) -> Sequence[Block]:
    """The blocks under a heading of the page."""
    text = PAGE.read_text()
    parts = re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", text, re.MULTILINE)
    part = next(body for heading, body in parts if heading.lower() == title)
    (tmp_path / PAGE.name).write_text(part)
    return list(blocks(tmp_path / PAGE.name))


def typed(block: Block, output: str) -> Block:
    """The commands of a block as a reader would type them, and what is said then."""
    command = block.text.strip().replace("\n", "; \\\n")
    return replace(block, language="console", text=f"$ {command}\n{output}")


def build(block: Block) -> None:
    done = subprocess.run(
        ("nice", "bash", "-e", "-c", block.text),
        cwd=CLIENTS.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, f"{block.place}\n{block.text}{done.stdout[-8000:]}"
