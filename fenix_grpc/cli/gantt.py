"""The chart of a plan in a terminal: hosts as rows, time as columns; emptying and work differ in shape and colour."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from fenix_grpc.cli.chart import Chart, Row
from fenix_grpc.cli.words import clean

#: Rows of a picture; more hosts are folded.
MOST_ROWS = 32
#: Room for a label of the axis and a gap.
_TICK_WIDTH = 12
_LEAST_COLUMNS = 20
_EMPTYING, _WORK = "yellow", "cyan"
#: How much of a row's hosts is in hand; for a single host a bar is full or not there.
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_P50, _P90 = "│", "┊"


def gantt(chart: Chart, width: int) -> RenderableType:
    """As wide as said, with an axis above and a legend below."""
    names = max((len(row.label) for row in chart.rows), default=0)
    label = min(names, max(8, width // 3))
    columns = max(_LEAST_COLUMNS, width - label - 2)
    marks = {
        min(columns - 1, int(chart.share(chart.p90) * columns)): _P90,
        min(columns - 1, int(chart.share(chart.p50) * columns)): _P50,
    }
    lines = [_line(chart, row, columns, label, marks) for row in chart.rows]
    return Group(_axis(chart, columns, label), *lines, _legend(chart, label))


def _axis(chart: Chart, columns: int, label: int) -> Text:
    cells = [" "] * columns
    for at, text in chart.ticks(columns // _TICK_WIDTH):
        place = int(chart.share(at) * columns)
        if place + len(text) < columns:
            cells[place : place + len(text) + 1] = f"╷{text}"
    return Text(" " * (label + 2) + "".join(cells), style="dim", no_wrap=True, overflow="crop")


def _line(chart: Chart, row: Row, columns: int, label: int, marks: dict[int, str]) -> Text:
    name = clean(row.label)
    name = name if len(name) <= label else f"{name[: label - 1]}…"
    line = Text(f"{name:<{label}}  ", no_wrap=True, overflow="crop")
    step = (chart.end - chart.begin) / columns
    for column in range(columns):
        begin = chart.begin + column * step
        emptied, worked = row.at(begin, begin + step)
        cell, style = _cell(emptied, worked, len(row.spans), chart.most)
        if cell == " " and column in marks:
            cell, style = marks[column], "dim"
        line.append(cell, style)
    return line


def _cell(emptied: float, worked: float, hosts: int, most: int) -> tuple[str, str]:
    """One character: for a host what it is in most of the time, for several how many are in hand."""
    in_hand = emptied + worked
    style = _WORK if worked >= emptied else _EMPTYING
    if most > 1:
        height = min(8, max(1, round(8 * in_hand / hosts))) if in_hand > 0.05 else 0
        return _HEIGHTS[height], style
    if in_hand < 0.5:
        return " ", style
    return ("█" if style == _WORK else "▒"), style


def _legend(chart: Chart, label: int) -> Text:
    empty, work = ("▄", "▄") if chart.most > 1 else ("▒▒", "██")
    legend = Text(" " * (label + 2), no_wrap=True, overflow="ellipsis")
    legend.append(empty, _EMPTYING).append(" emptied  ", "dim")
    legend.append(work, _WORK).append(" worked on  ", "dim")
    legend.append(f"{_P50} expected end  {_P90} for 9 of 10", "dim")
    if chart.most > 1:
        legend.append("  height: share of a row's hosts", "dim")
    return legend
