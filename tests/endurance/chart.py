"""What was seen as a picture: a line each for memory, threads, files and connections, beside the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from tests.endurance.samples import WHAT, Sample

_WIDTH, _HEIGHT, _TOP, _GAP, _LEFT, _RIGHT = 900, 110, 70, 34, 70, 24
_INK, _PALE, _LINE, _FRAME = "#1f2933", "#616e7c", "#2f7fb5", "#dde3ea"


def svg(samples: Sequence[Sample], title: str, subtitle: str) -> str:
    """The whole file."""
    height = _TOP + len(WHAT) * (_HEIGHT + _GAP) + _GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        f' font-family="system-ui, sans-serif" font-size="12" fill="{_INK}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="28" font-size="17" font-weight="600">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="48" fill="{_PALE}">{escape(subtitle)}</text>',
    ]
    for number, (field, words) in enumerate(WHAT.items()):
        values = [float(getattr(sample, field)) for sample in samples]
        lines.extend(_panel(_TOP + number * (_HEIGHT + _GAP), words, samples, values))
    floor = _TOP + len(WHAT) * (_HEIGHT + _GAP) - 12
    minutes = samples[-1].at_s / 60
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _LEFT + share * (_WIDTH - _LEFT - _RIGHT)
        lines.append(
            f'<text x="{x:.0f}" y="{floor}" text-anchor="middle" fill="{_PALE}">{share * minutes:.0f} min</text>'
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panel(
    top: float, words: str, samples: Sequence[Sample], values: Sequence[float]
) -> Iterator[str]:
    """From zero up, so that a small change looks small."""
    width, most = _WIDTH - _LEFT - _RIGHT, max(values) * 1.15 or 1.0
    end_s = samples[-1].at_s or 1.0
    points = " ".join(
        f"{_LEFT + sample.at_s / end_s * width:.1f},{top + _HEIGHT - value / most * _HEIGHT:.1f}"
        for sample, value in zip(samples, values, strict=True)
    )
    yield f'<rect x="{_LEFT}" y="{top}" width="{width}" height="{_HEIGHT}" fill="none" stroke="{_FRAME}"/>'
    yield f'<polyline points="{points}" fill="none" stroke="{_LINE}" stroke-width="1.5"/>'
    yield f'<text x="{_LEFT + 8}" y="{top + 16}">{escape(words)}</text>'
    for value in (0.0, max(values)):
        y = top + _HEIGHT - value / most * _HEIGHT + 4
        yield f'<text x="{_LEFT - 8}" y="{y:.0f}" text-anchor="end" fill="{_PALE}">{value:,.0f}</text>'
