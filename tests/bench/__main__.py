"""Runs the benchmarks that are named, or all, one after the other, and prints what they found."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench import (
    calls,
    eta,
    journal,
    machine,
    report,
    restart,
    session,
    takeover,
    watchers,
    workflows,
)
from tests.bench.report import Figure, Result

#: Name to what it is and how it is measured.
BENCHES: Mapping[str, tuple[str, Callable[[Path], Coroutine[Any, Any, list[Figure]]]]] = {
    "session": (session.TITLE, session.run),
    "calls": (calls.TITLE, calls.run),
    "watchers": (watchers.TITLE, watchers.run),
    "restart": (restart.TITLE, restart.run),
    "journal": (journal.TITLE, journal.run),
    "takeover": (takeover.TITLE, takeover.run),
    "eta": (eta.TITLE, eta.run),
    "workflows": (workflows.TITLE, workflows.run),
}
#: Files are written here, not to the system's temporary directory, which may be memory that needs no flush.
_BUILD = Path("build")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHES]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    about = machine.describe()
    results = [_run(name) for name in arguments.names or BENCHES]
    report.show(about, results)
    if arguments.json:
        report.write(arguments.json, about, results)


def _run(name: str) -> Result:
    title, measure = BENCHES[name]
    print(f"{name}: {title} ...", file=sys.stderr, flush=True)
    _BUILD.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=_BUILD) as files, machine.observed() as others:
        figures = asyncio.run(measure(Path(files).resolve()))
    return Result(name=name, title=title, figures=figures, load=str(others))


if __name__ == "__main__":
    main()
