"""`make soak`, or `python -m tests.soak --sessions 10000 --seed 1`: random sessions on all cores.

One violation is an error; a seed plays the same session again.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from multiprocessing import get_context

from tests.soak.verdict import Verdict, measured


def main() -> None:
    """Plays all sessions and prints what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first session; the others follow"
    )
    parser.add_argument(
        "--reasons", action="store_true", help="why sessions failed, most often first"
    )
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.sessions)
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        verdicts, cpu_s = [], 0.0
        for verdict, took_s in pool.imap_unordered(measured, seeds, chunksize=2):
            verdicts.append(verdict)
            cpu_s += took_s
            for problem in verdict.problems:
                print(f"VIOLATION seed {verdict.seed}: {problem}", flush=True)
            if len(verdicts) % 50 == 0:
                found = sum(len(v.problems) for v in verdicts)
                told = f"{len(verdicts):,} sessions, {found} violations, {cpu_s:,.0f} CPU s"
                print(told, file=sys.stderr, flush=True)
    for line in report(verdicts, cpu_s):
        print(line)
    if arguments.reasons:
        told: dict[str, list[int]] = {}
        for verdict in verdicts:
            if verdict.end == "failed":
                told.setdefault(verdict.reason, []).append(verdict.seed)
        often = sorted(told.items(), key=lambda each: -len(each[1]))[:40]
        print(*(f"{len(seeds):>6}  {why} (seed {min(seeds)})" for why, seeds in often), sep="\n")
    raise SystemExit(any(verdict.problems for verdict in verdicts))


def report(verdicts: Iterable[Verdict], cpu_s: float) -> Iterator[str]:
    """The counts, a line each."""
    verdicts = list(verdicts)
    yield f"{'sessions':<32}{len(verdicts):>12,}"
    yield from _table("ended", Counter(v.end for v in verdicts))
    yield f"{'continued by the operator':<32}{sum(v.continued for v in verdicts):>12,}"
    yield from _table("struck", sum((v.struck for v in verdicts), Counter[str]()))
    yield f"{'moves':<32}{sum(v.moves for v in verdicts):>12,}"
    yield f"{'events':<32}{sum(v.events for v in verdicts):>12,}"
    yield from _table("checks", sum((v.checks for v in verdicts), Counter[str]()))
    yield f"{'CPU seconds':<32}{cpu_s:>12,.0f}"
    bad = sorted(v.seed for v in verdicts if v.problems)
    yield f"{'violations':<32}{sum(len(v.problems) for v in verdicts):>12,}"
    if bad:
        yield f"seeds: {', '.join(map(str, bad))}"


def _table(name: str, counts: Counter[str]) -> Iterator[str]:
    yield name
    for what, times in counts.most_common():
        yield f"  {what:<30}{times:>12,}"


if __name__ == "__main__":
    main()
