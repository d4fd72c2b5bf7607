"""What a benchmark found, for a person (a table) and for a program (JSON).

Ratios come first: they can be compared between machines, and between a quiet and a busy hour of one machine; the
figures themselves cannot.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row: a median and the rounds that it comes from."""

    what: str
    value: float
    unit: str
    #: One value per round, in order.
    rounds: tuple[float, ...]
    #: `value` as a multiple of what `beside` names; None where there is no yardstick.
    ratio: float | None = None
    beside: str = ""
    #: Which ratio is wanted, in words.
    wanted: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One benchmark."""

    name: str
    #: What was measured, in a line.
    title: str
    figures: Sequence[Figure]
    #: How busy the machine was.
    load: str


def figure(
    what: str,
    rounds: Sequence[float],
    unit: str,
    *,
    yardstick: Sequence[float] = (),
    beside: str = "",
    wanted: str = "",
    note: str = "",
) -> Figure:
    """The median of some rounds; the ratio is the median of the ratios to the yardstick of the same round."""
    ratios = [ours / theirs for ours, theirs in zip(rounds, yardstick, strict=bool(yardstick))]
    return Figure(
        what=what,
        value=median(rounds),
        unit=unit,
        rounds=tuple(rounds),
        ratio=median(ratios) if ratios else None,
        beside=beside,
        wanted=wanted,
        note=note,
    )


def show(machine: Mapping[str, Any], results: Sequence[Result]) -> None:
    """Prints everything as one table."""
    table = Table(box=SIMPLE_HEAD, title="fenix bench: ratios first, figures are medians")
    table.add_column("ratio", justify="right", style="bold")
    table.add_column("to", overflow="fold")
    table.add_column("measured", overflow="fold")
    table.add_column("median", justify="right")
    table.add_column("unit")
    table.add_column("rounds", justify="right")
    table.add_column("note", style="dim", overflow="fold")
    for result in results:
        table.add_section()
        table.add_row(
            "", "", f"[bold]{result.name}[/bold]: {result.title}", "", "", "", result.load
        )
        for row in result.figures:
            table.add_row(
                "" if row.ratio is None else f"{row.ratio:.2f}",
                ", wanted: ".join(words for words in (row.beside, row.wanted) if words),
                row.what,
                _number(row.value),
                row.unit,
                f"{_number(min(row.rounds))} to {_number(max(row.rounds))}",
                row.note,
            )
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)
    console.print("  ".join(f"{name}: {value}" for name, value in machine.items()))


def write(file: Path, machine: Mapping[str, Any], results: Sequence[Result]) -> None:
    """Writes everything as JSON."""
    found = {"machine": machine, "results": [asdict(result) for result in results]}
    file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    """Three digits that mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
