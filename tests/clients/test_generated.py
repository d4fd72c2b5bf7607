"""The stubs that are committed are those of the present contract, and the samples are as short as they should be."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.languages import CLIENTS, LANGUAGES, PATIENCE_S


def test_the_go_stubs_are_those_of_the_contract(tmp_path: Path) -> None:
    if shutil.which("go") is None and not os.environ.get("CI"):
        pytest.skip("the Go stubs are generated with go, which is not installed")
    done = subprocess.run(
        ("nice", CLIENTS / "generate.sh", tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout
    made = contents(tmp_path / "clients/go/fenixv1")
    assert made
    assert made == contents(CLIENTS / "go/fenixv1"), "clients/generate.sh makes them anew"


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_the_samples_are_as_long_as_the_table_says() -> None:
    rows = re.findall(
        r"\]\((\S+(?:vnfm|Vnfm)\S*)\) \| (\d+) \|", (CLIENTS / "README.md").read_text()
    )
    assert len(rows) == len(LANGUAGES)
    lengths = {file: len((CLIENTS / file).read_text().splitlines()) for file, _ in rows}
    assert lengths == {file: int(lines) for file, lines in rows}
    assert max(lengths.values()) <= 200
