"""The languages that have a sample: how each is built and started, as clients/README.md tells its users."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CLIENTS = Path(__file__).parents[2] / "clients"
#: Longest time that the command of a build may take; the first one fetches and compiles everything.
PATIENCE_S = 900.0

Command = Sequence[str | Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language; its name is that of its folder and of its project in cloud.toml."""

    name: str
    #: Programs that a build needs.
    toolchain: Sequence[str] = ()
    build: Sequence[Command] = ()
    #: The folder that holds what is built.
    output: str = ""
    vnfm: Command
    #: The administrator's watch, where there is one.
    watch: Command = ()

    @property
    def missing(self) -> str:
        """What of the toolchain is not here; empty when all is."""
        return ", ".join(tool for tool in self.toolchain if shutil.which(tool) is None)

    def make(self) -> None:
        """Builds what `vnfm` and `watch` start, unless that is there and from the same files; one process at a time, as
        tests run in several.

        Raises AssertionError with what the build said."""
        if not self.build:
            return
        with (CLIENTS / self.name / "README.md").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._make()

    def _make(self) -> None:
        stamp, sources = CLIENTS / self.name / self.output / ".built-from", self._sources()
        if stamp.exists() and stamp.read_text() == sources:
            return
        for command in self.build:
            done = subprocess.run(
                ("nice", *command),
                cwd=CLIENTS / self.name,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE_S,
            )
            words = " ".join(map(str, command))
            assert done.returncode == 0, f"{self.name}: {words}\n{done.stdout[-8000:]}"
        stamp.write_text(sources)

    def _sources(self) -> str:
        """Stands for the files that the build reads."""
        folders = (CLIENTS / self.name, CLIENTS.parent / "proto")
        command = ("git", "ls-files", "-zco", "--exclude-standard", "--", *folders)
        listed = subprocess.run(command, cwd=CLIENTS.parent, stdout=subprocess.PIPE, check=True)
        files = (CLIENTS.parent / os.fsdecode(name) for name in listed.stdout.split(b"\0"))
        content = b"".join(file.read_bytes() for file in files if file.is_file())
        return hashlib.sha256(listed.stdout + content).hexdigest()


def _npm() -> Sequence[Command]:
    """`npm ci` fetches everything anew, so it is for what is not there or not the locked version."""
    folder = CLIENTS / "typescript"
    there, locked = folder / "node_modules/.package-lock.json", folder / "package-lock.json"
    fresh = there.exists() and there.stat().st_mtime >= locked.stat().st_mtime
    build = ("npm", "run", "build")
    return (build,) if fresh else (("npm", "ci", "--ignore-scripts"), build)


def _class_path(target: Path) -> str:
    return f"{target}/test-classes:{target}/classes:{target}/lib/*"


LANGUAGES = (
    Language(
        name="python",
        vnfm=(sys.executable, CLIENTS / "python/examples/vnfm.py"),
    ),
    Language(
        name="go",
        toolchain=("go",),
        build=(("go", "build", "-o", "bin/", "./examples/..."),),
        output="bin",
        vnfm=(CLIENTS / "go/bin/vnfm",),
        watch=(CLIENTS / "go/bin/watch",),
    ),
    Language(
        name="typescript",
        toolchain=("node", "npm"),
        build=_npm(),
        output="dist",
        vnfm=("node", CLIENTS / "typescript/dist/examples/vnfm.js"),
        watch=("node", CLIENTS / "typescript/dist/examples/watch.js"),
    ),
    Language(
        name="java",
        toolchain=("java", "mvn"),
        build=(("mvn", "-B", "-q", "-ntp", "package"),),
        output="target",
        vnfm=("java", "-cp", _class_path(CLIENTS / "java/target"), "io.fenix.examples.Vnfm"),
    ),
    Language(
        name="rust",
        toolchain=("cargo",),
        build=(("cargo", "build", "--locked", "--examples"),),
        output="target",
        vnfm=(CLIENTS / "rust/target/debug/examples/vnfm",),
    ),
    Language(
        name="cpp",
        toolchain=("cmake", "c++", "protoc", "grpc_cpp_plugin"),
        build=(("cmake", "-B", "build"), ("cmake", "--build", "build", "--parallel", "2")),
        output="build",
        vnfm=(CLIENTS / "cpp/build/vnfm",),
    ),
)
