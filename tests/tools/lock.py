"""Pins all dependencies, with hashes: requirements.lock for users, requirements-dev.lock for those who change fenix.

Run by `make lock`. What is written names versions and hashes only.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

OPTIONS = [
    *("--quiet", "--generate-hashes", "--strip-extras", "--allow-unsafe", "--no-header"),
    *("--no-annotate", "--no-emit-find-links", "--no-emit-index-url", "--no-emit-trusted-host"),
]


def compile_to(output: str, *more: str) -> None:
    command = [
        sys.executable,
        "-m",
        "piptools",
        "compile",
        *OPTIONS,
        "-o",
        output,
        "pyproject.toml",
    ]
    subprocess.run([*command, *more], check=True)


def main() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())
    extras = [f"--extra={name}" for name in project["project"]["optional-dependencies"]]
    compile_to("requirements.lock")
    with tempfile.NamedTemporaryFile("w", suffix=".in") as wanted:
        wanted.write("\n".join(project["dependency-groups"]["dev"]) + "\n")
        wanted.flush()
        compile_to("requirements-dev.lock", *extras, "-c", "requirements.lock", wanted.name)


if __name__ == "__main__":
    main()
