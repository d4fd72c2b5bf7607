"""`make fuzz`, or `python -m tests.fuzz --inputs 200000 --seed 1`: hostile input at a real server, which must not mind.

An answer that is the server's fault, a line in its log that tells of a defect, a session beside that does not end as it
must or memory that grows is an error. What is at fault is printed with the bytes that brought it about.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path

from tests.fuzz.siege import Report, besieged

#: The memory at the end beside that at half time. What servers keep on purpose, 8192 events and some hundred sessions,
#: goes on filling for about 200,000 inputs.
_GROWTH = 1.25
_SHOWN = 50


def main() -> None:
    """Sends all inputs and prints what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=0, help="a session each; 0: one per 5000")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        report = asyncio.run(_besieged(Path(directory), arguments))
    print(*report.lines(), sep="\n")
    wrong = [*report.outcome.faults, *report.defects, *grown(report.memory_mb)]
    print(*wrong[:_SHOWN], sep="\n")
    raise SystemExit(bool(wrong))


async def _besieged(directory: Path, arguments: argparse.Namespace) -> Report:
    rounds = arguments.rounds or max(1, arguments.inputs // 5000)
    inputs, seed, shown = arguments.inputs, arguments.seed, 0
    async with aclosing(besieged(directory, inputs=inputs, seed=seed, rounds=rounds)) as reports:
        async for report in reports:
            wrong = len(report.outcome.faults) + len(report.defects)
            for fault in report.outcome.faults[shown:]:
                print(f"FAULT {fault[:4000]}", file=sys.stderr)
            shown = len(report.outcome.faults)
            memory = f"{report.memory_mb[-1]:.0f} MB"
            print(f"{report.inputs:,} inputs, {memory}, {wrong} wrong", file=sys.stderr, flush=True)
    return report


def grown(memory_mb: list[float]) -> Iterable[str]:
    """A line if memory was not flat."""
    warm = memory_mb[len(memory_mb) // 2]
    if memory_mb[-1] > warm * _GROWTH:
        yield f"memory grew from {warm:.0f} to {memory_mb[-1]:.0f} MB"


if __name__ == "__main__":
    main()
