"""The chart of a plan as a standalone SVG: to be put into a change request, looked at in a browser, printed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from xml.sax.saxutils import escape

from fenix_grpc.cli.chart import Chart, Row
from fenix_grpc.cli.words import clean

#: Rows of a picture; more hosts are folded.
MOST_ROWS = 60
_WIDTH, _ROW, _GAP = 1200, 22, 24
_TOP, _BOTTOM = 104, 56
_CHAR = 7.2
_LEAST_LABEL, _MOST_LABEL = 60, 260
_TICKS = 10
#: Pieces of a folded row.
_PIECES = 240
_EMPTIED, _WORKED, _BAND, _LINE, _INK, _PALE = (
    *("#f2a93b", "#2f7fb5", "#f5f7fa", "#dde3ea", "#1f2933", "#616e7c"),
)


def svg(chart: Chart, title: str, subtitle: str) -> str:
    """The whole file."""
    return _Drawing(chart).draw(title, subtitle)


class _Drawing:
    """Places everything on the sheet."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        longest = max((len(clean(row.label)) for row in chart.rows), default=0)
        self._left = min(_MOST_LABEL, max(_LEAST_LABEL, longest * _CHAR)) + 2 * _GAP
        self._right = _WIDTH - _GAP
        self._floor = _TOP + len(chart.rows) * _ROW
        self._height = self._floor + _BOTTOM

    def draw(self, title: str, subtitle: str) -> str:
        """Line by line."""
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {self._height}" width="{_WIDTH}" '
            f'height="{self._height}" font-family="system-ui, sans-serif" font-size="13" fill="{_INK}" role="img">',
            f"<title>{escape(clean(title))}</title>",
            f'<rect width="{_WIDTH}" height="{self._height}" fill="#ffffff"/>',
            _text(_GAP, 38, title, size=20, more='font-weight="600"'),
            _text(_GAP, 62, subtitle, fill=_PALE),
            *self._grid(),
            *(line for n, row in enumerate(self._chart.rows) for line in self._row(n, row)),
            *self._mark(self._chart.p90, "9 of 10", "4 4", 30),
            *self._mark(self._chart.p50, "expected end", "", 14),
            *self._legend(),
            "</svg>",
        ]
        return "\n".join(lines) + "\n"

    def _x(self, at: datetime) -> float:
        return self._left + self._chart.share(at) * (self._right - self._left)

    def _grid(self) -> Iterator[str]:
        for n in range(0, len(self._chart.rows), 2):
            yield _rect(_GAP, _TOP + n * _ROW, self._right - _GAP, _ROW, _BAND)
        for at, label in self._chart.ticks(_TICKS):
            x = self._x(at)
            yield f'<path d="M{x:.1f} {_TOP - 6}V{self._floor}" stroke="{_LINE}"/>'
            yield _text(x, _TOP - 12, label, fill=_PALE, more='text-anchor="middle" font-size="12"')

    def _row(self, number: int, row: Row) -> Iterator[str]:
        top = _TOP + number * _ROW
        label = clean(row.label)
        most = int((self._left - 2 * _GAP) / _CHAR)
        label = label if len(label) <= most else f"{label[: most - 1]}…"
        yield _text(_GAP + 6, top + 15, label)
        yield from self._folded(top, row) if self._chart.most > 1 else self._single(top, row)

    def _single(self, top: float, row: Row) -> Iterator[str]:
        for span in row.spans:
            times = f"{span.begins.astimezone():%H:%M:%S} to {span.ends.astimezone():%H:%M:%S}"
            yield f"<g><title>{escape(clean(span.host))}: {times}</title>"
            begin, work, end = self._x(span.begins), self._x(span.works), self._x(span.ends)
            yield _rect(begin, top + 6, work - begin, _ROW - 12, _EMPTIED)
            yield _rect(work, top + 3, max(1.0, end - work), _ROW - 6, _WORKED, "2")
            yield "</g>"

    def _folded(self, top: float, row: Row) -> Iterator[str]:
        """As high as the share of the row's hosts: worked on below, emptied above."""
        step = (self._chart.end - self._chart.begin) / _PIECES
        width = (self._right - self._left) / _PIECES
        for n in range(_PIECES):
            begin = self._chart.begin + n * step
            emptied, worked = (
                part / len(row.spans) * (_ROW - 4) for part in row.at(begin, begin + step)
            )
            x, floor = self._left + n * width, top + _ROW - 2
            if worked > 0.05:
                yield _rect(x, floor - worked, width + 0.2, worked, _WORKED)
            if emptied > 0.05:
                yield _rect(x, floor - worked - emptied, width + 0.2, emptied, _EMPTIED)

    def _mark(self, at: datetime, label: str, dashes: str, below: float) -> Iterator[str]:
        x = self._x(at)
        pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
        yield f'<path d="M{x:.1f} {_TOP - 6}V{self._floor + below - 10}" stroke="{_INK}"{pattern}/>'
        time = f"{at.astimezone():%H:%M}"
        end = 'text-anchor="end" font-size="12"'
        yield _text(x, self._floor + below + 2, f"{label} {time}", fill=_INK, more=end)

    def _legend(self) -> Iterator[str]:
        x, y = _GAP + 6, self._floor + 20
        yield _rect(x, y - 4, 22, 8, _EMPTIED)
        yield _text(x + 30, y + 5, "emptied", fill=_PALE)
        yield _rect(x + 100, y - 8, 22, 16, _WORKED, "2")
        yield _text(x + 130, y + 5, "worked on", fill=_PALE)
        if self._chart.most > 1:
            yield _text(x + 220, y + 5, "height: share of the hosts of a row", fill=_PALE)


def _rect(x: float, y: float, width: float, height: float, fill: str, round_: str = "0") -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}" '
        f'rx="{round_}" fill="{fill}"/>'
    )


def _text(x: float, y: float, text: str, *, fill: str = "", size: int = 0, more: str = "") -> str:
    fill = f' fill="{fill}"' if fill else ""
    font = f' font-size="{size}"' if size else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{fill}{font} {more}>{escape(clean(text))}</text>'
