"""`make chaos`, or `python -m tests.chaos --sessions 200 --seed 1 --databases sqlite postgresql mariadb`: so many
sessions on each kind of database while servers, database, network, disk and cloud go wrong.

One violation is an error; a seed gives the same sessions and misfortunes again, though not to the millisecond.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter

from tests.chaos.misfortunes import MISFORTUNES
from tests.chaos.run import Size, play
from tests.chaos.verdict import Verdict
from tests.databases import KINDS
from tests.databases.network import why_not


def main() -> None:
    """Plays all and prints what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--sessions", type=int, default=200, help="on each kind of database")
    parser.add_argument("--together", type=int, default=3, help="sessions at a time")
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--away", type=float, default=25.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--only", nargs="+", choices=tuple(MISFORTUNES), default=())
    parser.add_argument("--keep", type=Path, help="a folder for what the servers write")
    arguments = parser.parse_args()
    size = Size(
        sessions=arguments.sessions,
        together=arguments.together,
        servers=arguments.servers,
        away_s=arguments.away,
        names=tuple(arguments.only),
    )
    violations = 0
    if reason := why_not():
        print(f"left out: network apart ({reason})")
    for kind in arguments.databases:
        began = perf_counter()
        verdict = _played(kind, arguments.seed, size, arguments.keep)
        violations += len(verdict.violations)
        for line in report(kind, verdict, perf_counter() - began):
            print(line, flush=True)
    raise SystemExit(violations > 0)


def _played(kind: str, seed: int, size: Size, keep: Path | None) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="fenix-chaos-") as temporary:
        directory = keep / kind if keep else Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        return asyncio.run(play(kind, directory, seed, size))


def report(kind: str, verdict: Verdict, took_s: float) -> Iterator[str]:
    """The counts, a line each."""
    yield f"{kind} ({took_s:,.0f} s)"
    yield from _table(verdict.counts)
    yield "  by kind"
    yield from _table(verdict.struck)
    yield "  stops explained by"
    yield from _table(verdict.stops)
    yield f"  {'violations':<40}{len(verdict.violations):>10,}"
    for violation in verdict.violations:
        yield f"  VIOLATION {violation}"


def _table(counts: Mapping[str, int]) -> Iterator[str]:
    for what, times in counts.items():
        yield f"    {what:<38}{times:>10,}"


if __name__ == "__main__":
    main()
