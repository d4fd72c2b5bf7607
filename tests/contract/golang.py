"""Go programs for the tests of the contract, built under build/ with the versions that go.mod and go.sum pin.

Without Go a test is left out and says so; in CI that is a failure.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.contract.documents import ROOT

MODULE = Path(__file__).parent / "grpcgateway"
BUILD = ROOT / "build" / "contract"
BIN = BUILD / "bin"
_COPIED = ("go.mod", "go.sum", "main.go")
#: From nothing: downloads, and some hundred packages of Go.
_PATIENCE_S = 600
_PLUGINS = (
    "google.golang.org/protobuf/cmd/protoc-gen-go",
    "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
    "github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway",
)
_GRPCURL = "github.com/fullstorydev/grpcurl/cmd/grpcurl"


def grpc_gateway() -> Path:
    """The Go grpc-gateway of the present contract."""
    with _Building() as building:
        building.go("install", *_PLUGINS)
        template = str(MODULE / "buf.gen.yaml")
        buf = str(Path(sys.executable).with_name("buf"))
        building.run([buf, "generate", "--template", template, "-o", str(building.source)], ROOT)
        building.go("build", "-o", str(BIN / "grpcgateway"), ".")
    return BIN / "grpcgateway"


def grpcurl() -> Path:
    """The program of that name."""
    with _Building() as building:
        building.go("install", _GRPCURL)
    return BIN / "grpcurl"


class _Building:
    """One at a time: tests run on several cores."""

    source = BUILD / "grpcgateway"

    def __enter__(self) -> _Building:
        if shutil.which("go") is None:
            if "CI" in os.environ:
                pytest.fail("CI leaves nothing out, and go is not installed")
            pytest.skip("go is not installed")
        self.source.mkdir(parents=True, exist_ok=True)
        self._lock = (BUILD / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        for name in _COPIED:
            shutil.copy(MODULE / name, self.source)
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def go(self, *words: str) -> None:
        self.run(["go", *words], self.source)

    def run(self, command: Sequence[str], directory: Path) -> None:
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        environ = {**os.environ, "PATH": path, "GOBIN": str(BIN), "GOTOOLCHAIN": "local"}
        done = subprocess.run(
            command, cwd=directory, env=environ, capture_output=True, text=True, timeout=_PATIENCE_S
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
