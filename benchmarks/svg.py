"""Plots without a plotting library: horizontal bars on a logarithmic scale with their spread, and lines over an axis."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_FONT = 'font-family="system-ui, sans-serif" font-size="12"'
_COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280", "#4a5568")
_LABEL, _VALUE, _ROW, _PLOT = 190, 110, 24, 420
_WIDTH = _LABEL + _PLOT + _VALUE


class Bar(NamedTuple):
    label: str
    value: float
    low: float
    high: float


class Panel(NamedTuple):
    title: str
    unit: str
    bars: Sequence[Bar]


class Line(NamedTuple):
    label: str
    points: Sequence[tuple[float, float]]


def bars(title: str, panels: Sequence[Panel]) -> str:
    """One panel below the other. Panels without bars are left out."""
    y, parts = 50.0, [f'<text x="10" y="24" font-size="16" font-weight="600">{escape(title)}</text>']
    for panel in panels:
        if panel.bars:
            parts.append(_panel(panel, y))
            y += 34 + _ROW * len(panel.bars)
    return _document(_WIDTH, y + 10, parts)


def _panel(panel: Panel, top: float) -> str:
    values = [bar.value for bar in panel.bars if bar.value > 0]
    low = 10 ** math.floor(math.log10(min(values, default=1)))
    high = max([bar.high for bar in panel.bars if bar.high > 0], default=10)
    decades = max(math.log10(high / low), 1e-9)

    def x(value: float) -> float:
        return _LABEL + max(math.log10(max(value, low) / low) / decades, 0.004) * _PLOT

    parts = [f'<text x="10" y="{top + 10:.0f}" font-weight="600">{escape(panel.title)} ({escape(panel.unit)}, logarithmic)</text>']
    for i, bar in enumerate(panel.bars):
        y = top + 20 + i * _ROW
        colour = _COLOURS[1] if bar.label.startswith("llm-edge") else _COLOURS[0]
        middle = y + 8
        parts.append(f'<text x="{_LABEL - 8}" y="{y + 12:.0f}" text-anchor="end">{escape(bar.label)}</text>')
        parts.append(f'<rect x="{_LABEL}" y="{y:.0f}" width="{x(bar.value) - _LABEL:.1f}" height="16" fill="{colour}"/>')
        parts.append(f'<path d="M{x(bar.low):.1f} {middle:.0f}H{x(bar.high):.1f}" stroke="#1a202c" stroke-width="2"/>')
        parts.append(f'<text x="{x(bar.high) + 6:.1f}" y="{y + 12:.0f}">{short(bar.value)}</text>')
    return "".join(parts)


def lines(title: str, x_name: str, y_name: str, series: Sequence[Line]) -> str:
    """All on one linear scale that begins at 0 upwards."""
    width, height, left, top = 640, 280, 60, 40
    points = [point for line in series for point in line.points] or [(0.0, 0.0)]
    x_max = max(max(x for x, _ in points), 1e-9)
    y_max = max(max(y for _, y in points), 1e-9) * 1.05
    parts = [f'<text x="10" y="22" font-size="15" font-weight="600">{escape(title)}</text>']
    for i in range(5):
        share = i / 4
        y = top + height * (1 - share)
        parts.append(f'<path d="M{left} {y:.1f}h{width}" stroke="#e2e8f0"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{short(y_max * share)}</text>')
        parts.append(f'<text x="{left + width * share:.1f}" y="{top + height + 16}" text-anchor="middle">{short(x_max * share)}</text>')
    for i, line in enumerate(series):
        colour = _COLOURS[i % len(_COLOURS)]
        path = " ".join(f"{left + width * x / x_max:.1f},{top + height * (1 - y / y_max):.1f}" for x, y in line.points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<text x="{left + 10}" y="{top + 16 + 16 * i}" fill="{colour}">{escape(line.label)}</text>')
    parts.append(f'<text x="{left + width / 2}" y="{top + height + 34}" text-anchor="middle">{escape(x_name)}</text>')
    parts.append(f'<text x="10" y="{top - 6}">{escape(y_name)}</text>')
    return _document(left + width + 30, top + height + 46, parts)


def short(value: float) -> str:
    """Three significant digits, thousands apart."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "-"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{round(value, digits):,.{digits}f}"


def _document(width: float, height: float, parts: Sequence[str]) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {_FONT}><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
