"""The solver's own process: a fluid model on standard input, waves and bound on standard output, or null.

Binaries say whether a host is in wave k or an earlier one. What the hosts up to wave k carry must fit on the hosts up
to wave k - 1, but for what is still parked; parked load fits on the hosts that come later and is no more than the seeds
carried. The seeds' instances are what is minimised. It relaxes packing and groups only, so its bound holds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from math import ceil, inf
from typing import Any

import highspy
import numpy as np


class Model:
    """Columns are x[host, wave], then parked[dimension, wave]."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.loads: list[list[float]] = asked["loads"]
        self.room: list[list[float]] = [
            [c * (1.0 - asked["slack"]) for c in line] for line in asked["capacities"]
        ]
        self.hosts: int = len(asked["instances"])
        self.last: int = asked["rounds"] - 1
        self.solver = highspy.Highs()
        for option, value in (
            ("output_flag", False),
            ("time_limit", asked["limit_s"]),
            ("threads", 1),
        ):
            self.solver.setOptionValue(option, value)
        for count in asked["instances"]:
            for wave in range(self.last):
                self.solver.addCol(float(count) if not wave else 0.0, 0.0, 1.0, 0, [], [])
        for column in range(self.hosts * self.last):
            self.solver.changeColIntegrality(column, highspy.HighsVarType.kInteger)
        for _ in range(3 * self.last):
            self.solver.addCol(0.0, 0.0, inf, 0, [], [])
        self._order()
        if asked["at_once"]:
            self._at_once(asked["at_once"])
        for d in range(3):
            if any(self.loads[d]):
                self._dimension(d)

    def x(self, host: int, wave: int) -> int:
        """The column of a host in a wave."""
        return host * self.last + wave

    def _row(self, low: float, high: float, terms: Sequence[tuple[int, float]]) -> None:
        columns: dict[int, float] = {}
        for column, value in terms:
            columns[column] = columns.get(column, 0.0) + value
        self.solver.addRow(
            low,
            high,
            len(columns),
            np.array(list(columns), dtype=np.int32),
            np.array(list(columns.values()), dtype=np.float64),
        )

    def _order(self) -> None:
        for host in range(self.hosts):
            for wave in range(1, self.last):
                self._row(0.0, inf, [(self.x(host, wave), 1.0), (self.x(host, wave - 1), -1.0)])

    def _at_once(self, most: int) -> None:
        every = range(self.hosts)
        self._row(-inf, most, [(self.x(h, 0), 1.0) for h in every])
        for wave in range(1, self.last):
            now = [(self.x(h, wave), 1.0) for h in every]
            self._row(-inf, most, now + [(self.x(h, wave - 1), -1.0) for h in every])
        self._row(self.hosts - most, inf, [(self.x(h, self.last - 1), 1.0) for h in every])

    def _dimension(self, d: int) -> None:
        loads, room, every = self.loads[d], self.room[d], range(self.hosts)
        spare = [room[h] - loads[h] for h in every]
        for wave in range(self.last):
            parked = self.hosts * self.last + d * self.last + wave
            later = [(self.x(h, wave), spare[h]) for h in every]
            seeds = [(self.x(h, 0), -loads[h]) for h in every]
            self._row(-inf, sum(spare), [(parked, 1.0), *later])
            if not wave:
                self._row(0.0, 0.0, [(parked, 1.0), *seeds])
                continue
            self._row(-inf, 0.0, [(parked, 1.0), *seeds])
            moved = [(self.x(h, wave), loads[h]) for h in every]
            before = [(self.x(h, wave - 1), -room[h]) for h in every]
            self._row(-inf, 0.0, [*moved, *before, (parked, -1.0)])
        self._row(sum(loads), inf, [(self.x(h, self.last - 1), room[h]) for h in every])

    def run(self) -> dict[str, Any] | None:
        """Waves and bound, or nothing when no solution was found in time."""
        self.solver.run()
        info = self.solver.getInfo()
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None
        values = self.solver.getSolution().col_value
        waves = [
            next((k for k in range(self.last) if values[self.x(h, k)] > 0.5), self.last)
            for h in range(self.hosts)
        ]
        return {"waves": waves, "bound": max(0, ceil(info.mip_dual_bound - 1e-6))}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(Model(json.loads(sys.stdin.read())).run()))
