"""The drawing in DESIGN.md is that of the transition table."""

from __future__ import annotations

from tests.docs.states import DESIGN, redrawn


def test_the_drawing_is_the_present_one() -> None:
    text = DESIGN.read_text()
    assert text == redrawn(text), "the default workflow has changed: `make gen` draws it anew"
