"""The run itself, short, and its judgement on runs that were made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.endurance.__main__ import endure
from tests.endurance.chart import svg
from tests.endurance.samples import Sample, grown

FLAT = [
    Sample(at_s=10.0 * n, memory_mb=100 + n % 3, threads=9, files=12, connections=5 + n % 4)
    for n in range(100)
]


async def test_some_seconds_of_it(tmp_path: Path) -> None:
    samples, done = await endure(tmp_path, seconds=8, every_s=0.5, seed=1)
    assert len(samples) > 5
    assert min(sample.memory_mb for sample in samples) > 20
    assert min(min(s.threads, s.files, s.connections) for s in samples) > 0
    assert done["sessions done"] + done["sessions cancelled"] > 0
    assert done["watches cut off"] > 0
    assert done["watches dropped and resumed"] > 0
    assert done["requests over REST"] > 0
    assert ElementTree.fromstring(svg(samples, "a run", "some <things>")).tag.endswith("svg")


def test_what_is_flat_did_not_grow() -> None:
    assert not list(grown(FLAT))


@pytest.mark.parametrize("field", ["memory_mb", "threads", "files", "connections"])
def test_what_grows_is_found(field: str) -> None:
    samples = [replace(s, **{field: getattr(s, field) + s.at_s / 20}) for s in FLAT]
    (line,) = grown(samples)
    assert "in the middle of the run" in line
