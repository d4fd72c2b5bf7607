"""Keeps the drawing of states in DESIGN.md what `fenix states --mermaid` prints; as a program it writes it in."""

from __future__ import annotations

import re
from pathlib import Path

from fenix_grpc.cli.states import Drawing, draw
from fenix_grpc.workflows.default import WORKFLOW

DESIGN = Path(__file__).parents[2] / "fenix_grpc" / "DESIGN.md"

_DRAWING = re.compile(r"(?<=<!-- states:begin -->\n).*?(?=<!-- states:end -->)", re.DOTALL)


def redrawn(text: str) -> str:
    """The text with the present drawing in it."""
    drawing = f"```mermaid\n{draw(WORKFLOW, Drawing.MERMAID)}\n```\n"
    redrawn, places = _DRAWING.subn(lambda _: drawing, text)
    assert places == 1, f"{DESIGN.name} must have the marks states:begin and states:end once"
    return redrawn


if __name__ == "__main__":
    DESIGN.write_text(redrawn(DESIGN.read_text()))
