"""`buf breaking` holds the contract to the last released one, and really sees what would break a client."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUF = Path(sys.executable).with_name("buf")
SERVICE = "proto/fenix/v1/session_service.proto"
TYPES = "proto/fenix/v1/types.proto"


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """A copy of the contract that may be broken."""
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    return tmp_path


def breaking(contract: Path) -> str:
    """What buf says is broken since the release; empty when nothing is."""
    command = [BUF, "breaking", "--against", "proto/released.binpb"]
    done = subprocess.run(command, cwd=contract, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 100), done.stderr  # 100: it worked and found something
    assert bool(done.stdout) == (done.returncode == 100)
    return done.stdout


def replace(contract: Path, file: str, old: str, new: str) -> None:
    text = (contract / file).read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
    (contract / file).write_text(text.replace(old, new))


def test_the_contract_of_this_tree_breaks_no_client(contract: Path) -> None:
    assert breaking(contract) == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (TYPES, "string reason = 4;", "string reason = 44;", 'field "4"'),
        (TYPES, "  int32 percent_done = 8;\n", "", "percent_done"),
        (TYPES, "int32 percent_done = 8;", "string percent_done = 8;", 'changed type from "int32"'),
        (TYPES, "ANSWER_NACK = 2;", "ANSWER_REFUSED = 2;", "ANSWER_NACK"),
        (SERVICE, "rpc DeleteSession(", "rpc RemoveSession(", '"DeleteSession"'),
    ],
    ids=["number changed", "field removed", "type changed", "enum value renamed", "RPC renamed"],
)
def test_what_breaks_a_client_is_seen(
    contract: Path, file: str, old: str, new: str, said: str
) -> None:
    replace(contract, file, old, new)
    assert said in breaking(contract)


def test_what_is_added_breaks_nobody(contract: Path) -> None:
    more = "  int64 seq = 11;\n  // More.\n  string more = 12;\n}\n\n// A host of a session."
    replace(contract, TYPES, "  int64 seq = 11;\n}\n\n// A host of a session.", more)
    assert breaking(contract) == ""
