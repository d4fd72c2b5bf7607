"""`make endurance`, or `python -m tests.endurance --minutes 60`: a server at work for so long. Prints what was done and
what the process held, draws it, and ends with an error when any of it grew."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from time import monotonic

from tests.endurance.chart import svg
from tests.endurance.samples import WHAT, Sample, grown, look
from tests.endurance.traffic import CLOUD, MORE, Traffic, pause
from tests.processes.servers import ServerProcess


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--svg", type=Path, default=Path("build/endurance.svg"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fenix-endurance-") as directory:
        samples, done = asyncio.run(
            endure(Path(directory), arguments.minutes * 60, arguments.every, arguments.seed)
        )
    print(*(f"{what:<32}{times:>10,}" for what, times in sorted(done.items())), sep="\n")
    for field, words in WHAT.items():
        values = [getattr(sample, field) for sample in samples]
        tenths = [values[len(values) * n // 10] for n in range(10)]
        print(f"{words:<32}{' '.join(f'{value:.0f}' for value in [*tenths, values[-1]])}")
    arguments.svg.parent.mkdir(parents=True, exist_ok=True)
    told = ", ".join(f"{times:,} {what}" for what, times in sorted(done.items()))
    title = f"One server for {arguments.minutes:.0f} minutes"
    arguments.svg.write_text(svg(samples, title, told), encoding="utf-8")
    wrong = list(grown(samples))
    print(*(f"GREW {line}" for line in wrong), sep="\n")
    raise SystemExit(bool(wrong))


async def endure(
    directory: Path, seconds: float, every_s: float, seed: int
) -> tuple[Sequence[Sample], Counter[str]]:
    """All looks, and what was done meanwhile. Raises whatever a part of the traffic stumbles over."""
    server = ServerProcess.simulated(directory, CLOUD, MORE)
    await server.start()
    try:
        traffic = Traffic(server=server, chance=Random(seed))
        samples: list[Sample] = []
        began = monotonic()
        async with traffic.flowing():
            while (at_s := monotonic() - began) < seconds:
                samples.append(look(server.pid, at_s))
                print(f"{at_s:.0f} s: {samples[-1]}", file=sys.stderr, flush=True)
                await pause(every_s)
        return samples, traffic.done
    finally:
        await server.stop()


if __name__ == "__main__":
    main()
