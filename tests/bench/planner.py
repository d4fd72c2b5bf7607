"""Plans beside their lower bounds and beside what others do: `make bench-planner`, or `python -m tests.bench.planner`.

Each size is planned in a process of its own, so that its memory is its own. Clouds are generated from a seed; all
rivals get the same one.
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import get_context
from time import perf_counter, process_time

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from fenix_grpc.core.planner import (
    Plan,
    Preference,
    Problem,
    plan,
    replan,
    schedule,
    smallest_scale_in,
)
from tests.bench.rivals import Outcome, conflict_free_groups, fixed_batches, one_by_one
from tests.planner.clouds import cloud, crammed
from tests.planner.replay import after_waves

#: Hosts, instances, zones.
SIZES = ((50, 600, 1), (1_000, 20_000, 3), (10_000, 200_000, 10))
SLOTS_NOTE = "2 moves per source and destination; load 0.70; work 20 to 40 min"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    planner: str
    rounds: str
    moves: str
    hours: str
    plan_s: str = ""
    note: str = ""


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.planner", description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="*", default=[size[0] for size in SIZES])
    parser.add_argument(
        "--guide",
        type=float,
        nargs="?",
        const=20.0,
        default=0.0,
        help="with the solver, and its seconds for each zone",
    )
    arguments = parser.parse_args()
    table = Table(box=SIMPLE_HEAD, title=f"Plans ({SLOTS_NOTE})", title_justify="left")
    for column in ("planner", "rounds", "moves", "hours", "plan s (CPU)", ""):
        table.add_column(column, no_wrap=True)
    for size in SIZES:
        if size[0] not in arguments.hosts:
            continue
        with get_context("spawn").Pool(1) as pool:
            rows = pool.apply(measure, (*size, arguments.guide))
        table.add_section()
        for row in rows:
            table.add_row(row.planner, row.rounds, row.moves, row.hours, row.plan_s, row.note)
    Console(width=None if sys.stdout.isatty() else 170).print(table)


def measure(hosts: int, instances: int, zones: int, guide_s: float) -> list[Row]:
    """All rows of one size."""
    problem = cloud(hosts, instances, zones=zones)
    before = _memory_mb()
    ours = list(_ours(problem))
    memory = _memory_mb()
    rows = [
        Row(
            planner=f"[bold]{hosts:,} hosts, {len(problem.instances):,} instances",
            rounds=f"bound {ours[0][1].bounds.rounds}",
            moves=f"bound {ours[0][1].bounds.moves:,}",
            hours=f"bound {ours[0][1].bounds.makespan_s / 3600:.2f}",
            note=f"memory {memory} MB, {before} MB of it the generated cloud and Python",
        )
    ]
    rows += [row for row, _ in ours]
    if guide_s:
        rows += list(_guided(problem, ours[-1][1], guide_s))
    rows += list(_again(problem, ours[-1][1]))
    rows.append(_scale_in(problem))
    rivals: tuple[tuple[str, Callable[[Problem], Outcome]], ...] = (
        ("one by one (default order)", one_by_one),
        ("batches of 10 %", lambda p: fixed_batches(p, 0.1)),
        ("batches of 20 %", lambda p: fixed_batches(p, 0.2)),
        ("conflict-free groups of 10", conflict_free_groups),
    )
    return rows + [_rival(name, play(problem), problem) for name, play in rivals]


def _ours(problem: Problem) -> Iterator[tuple[Row, Plan]]:
    note = "first plan in this process, "
    for preference, at_once in (
        (Preference.FEWEST_MOVES, 0),
        (Preference.BALANCED, 0),
        (Preference.BALANCED, 10),
        (Preference.FASTEST, 0),
    ):
        options = replace(problem.options, preference=preference, max_hosts_at_once=at_once)
        asked = replace(problem, options=options)
        name = preference.value.lower().replace("_", " ")
        name += f", {at_once} at once" if at_once else ""
        yield _row(f"fenix, {name}", asked, plan, note)
        note = ""


def _again(problem: Problem, first: Plan) -> Iterator[Row]:
    """After the first wave, with a destination that refused."""
    later = after_waves(problem, first, 1)
    move = first.waves[1].moves[0]
    later = replace(later, refused={move.instance_id: frozenset({move.target})})
    yield _row("fenix, again after wave 0", later, lambda p: replan(p, first))[0]


def _scale_in(problem: Problem) -> Row:
    """The cloud with all hosts as full as they can be: the smallest scale-in."""
    full = crammed(problem)
    wall, cpu = perf_counter(), process_time()
    found = smallest_scale_in(full)
    wall, cpu = perf_counter() - wall, process_time() - cpu
    number = len(found.instance_ids) if found is not None else 0
    return Row(
        planner="fenix, smallest scale-in when full",
        rounds="",
        moves="",
        hours="",
        plan_s=f"{wall:.2f} ({cpu:.2f})",
        note=f"{number} of {len(full.instances):,} instances in {len(found.zones) if found else 0} zones",
    )


def _row(
    name: str, problem: Problem, ask: Callable[[Problem], Plan], note: str = ""
) -> tuple[Row, Plan]:
    wall, cpu = perf_counter(), process_time()
    answer = ask(problem)
    wall, cpu = perf_counter() - wall, process_time() - cpu
    began = process_time()
    expected = schedule(problem, answer).makespan_s
    note += f"timeline {process_time() - began:.2f} s CPU"
    bounds = answer.bounds
    row = Row(
        planner=name,
        rounds=f"{answer.rounds:,} / {bounds.rounds:,}",
        moves=f"{answer.moves:,} / {bounds.moves_at_rounds:,} (+{answer.moves_gap:.2%})",
        hours=f"{expected / 3600:.2f} / {bounds.makespan_s / 3600:.2f}",
        plan_s=f"{wall:.2f} ({cpu:.2f})",
        note=note + (f", {len(answer.blockers)} blockers" if answer.blockers else ""),
    )
    return row, answer


def _guided(problem: Problem, first: Plan, limit_s: float) -> Iterator[Row]:
    from fenix_grpc.guide import guide

    hints = guide(problem, first.rounds, limit_s=limit_s)
    if hints:
        options = replace(problem.options, preference=Preference.FASTEST)
        asked = replace(problem, hints=hints, options=options)
        proven = sum({hint.zone: hint.moves_bound for hint in hints}.values())
        yield _row("fenix, fastest, guided", asked, plan, f"proven {proven:,} moves, ")[0]


def _rival(name: str, outcome: Outcome, problem: Problem) -> Row:
    return Row(
        planner=name,
        rounds=f"{outcome.rounds:,}",
        moves=f"{outcome.moves:,}",
        hours=f"{outcome.makespan_s / 3600:.2f}",
        note=f"{outcome.lost} instances found no legal target" if outcome.lost else "",
    )


def _memory_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
