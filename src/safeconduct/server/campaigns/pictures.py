# SPDX-License-Identifier: Apache-2.0
"""Pictures of evidence as SVG documents of their own; the page shows them through `<img>` with the table beside.

Evidence is drawn in powers of ten, because it multiplies with every call. The limits are drawn as dashed lines. A
picture of many families would be a knot, so it shows the first `MOST`; the table has all of them.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

import pygal
from django.http import HttpResponse
from pygal.style import Style

from safeconduct.server.campaigns.evidence import Evidence, stream_name
from safeconduct.server.campaigns.turning import Course

MOST: Final = 6
LOWEST: Final = 1e-3
COLORS: Final = ("#1c5d63", "#b7791f", "#7a3e9d", "#2f7d32", "#b3261e", "#3a5fcd", "#5c6b6e")
SOLID: Final = {"width": 3}
DASHED: Final = {"width": 2, "dasharray": "8, 6"}
STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#3c4a4d",
    foreground_strong="#1d2b2e",
    foreground_subtle="#7a8587",
    colors=COLORS,
    font_family="system-ui, sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=14,
    value_font_size=12,
    stroke_width="2.5",
    guide_stroke_color="#d5d9d6",
    major_guide_stroke_color="#d5d9d6",
    guide_stroke_dasharray="0",
    major_guide_stroke_dasharray="0",
)
WIDTH, HEIGHT = 860, 380
Line = Sequence[tuple[float, float]]


def evidence_picture(found: Evidence) -> bytes:
    """Draw how the evidence for FIXED grew, call by call."""
    longest = max((path[-1].n for path in found.paths.values() if path), default=1)
    limit = math.log10(1 / found.criterion.alpha)
    chart = _chart("evidence that the fix holds", lambda value: f"{10**value:.3g}")
    seen = [0.0, limit]
    for name, path in list(found.paths.items())[:MOST]:
        line = [(0.0, 0.0), *((float(point.n), _log10(point.log_e_fixed)) for point in path)]
        seen += [value for _, value in line]
        chart.add(stream_name(name), line, stroke_style=SOLID)
    chart.add(f"enough for FIXED: {1 / found.criterion.alpha:g}", _level(limit, longest), stroke_style=DASHED)
    chart.y_labels = _powers(seen)
    return _drawn(chart)


def bounds_picture(found: Evidence) -> bytes:
    """Draw between which bounds the rate of successes lies, after every call."""
    longest = max((path[-1].n for path in found.paths.values() if path), default=1)
    chart = _chart("rate of successes", lambda value: f"{value:.3g}")
    for name, path in list(found.paths.items())[:MOST]:
        upper = [(float(point.n), point.upper) for point in path]
        lower = [(float(point.n), point.lower) for point in reversed(path)]
        chart.add(stream_name(name), [(0.0, 1.0), *upper, *lower, (0.0, 0.0)], stroke_style=SOLID)
    tolerance = found.criterion.tolerance
    chart.add(f"tolerance {tolerance:g}", _level(tolerance, longest), stroke_style=DASHED)
    chart.range = (0, 1)
    return _drawn(chart)


def watch_picture(course: Course) -> bytes:
    """Draw where the detector of a watch stood after every call; another system begins another line."""
    limit = math.log10(course.detector.run_length)
    chart = _chart("detector", lambda value: f"{10**value:.3g}")
    seen = [0.0, limit]
    for segment, points in groupby(course.points, key=lambda point: point.segment):
        line = [(float(point.call), _log10(math.log(max(point.statistic, LOWEST)))) for point in points]
        seen += [value for _, value in line]
        chart.add(f"system {segment + 1}", line, stroke_style=SOLID)
    longest = len(course.points) or 1
    chart.add(f"alarm at {course.detector.run_length:g}", _level(limit, longest), stroke_style=DASHED)
    chart.y_labels = _powers(seen)
    return _drawn(chart)


def picture_response(drawn: bytes) -> HttpResponse:
    """Answer with a picture. Opened directly, the document may do nothing at all."""
    response = HttpResponse(drawn, content_type="image/svg+xml")
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response


def _chart(of_what: str, formatter: Any) -> Any:
    return pygal.XY(
        style=STYLE,
        js=[],
        no_prefix=True,
        width=WIDTH,
        height=HEIGHT,
        explicit_size=True,
        show_dots=False,
        show_x_guides=False,
        legend_at_bottom=True,
        x_title="calls",
        y_title=of_what,
        x_value_formatter=lambda value: f"{value:g}",
        value_formatter=formatter,
        no_data_text="Nothing to show yet",
        disable_xml_declaration=False,
    )


def _level(at: float, longest: int) -> Line:
    return [(0.0, at), (float(longest), at)]


def _log10(natural: float) -> float:
    return max(natural / math.log(10), math.log10(LOWEST))


def _powers(seen: Sequence[float]) -> list[dict[str, Any]]:
    """Return the labels of the powers of ten between which everything lies."""
    bottom, top = math.floor(min(seen)), max(1, math.ceil(max(seen)))
    step = max(1, (top - bottom + 3) // 8)
    return [{"value": power, "label": _power(power)} for power in range(bottom, top + 1, step)]


def _power(power: int) -> str:
    return f"{10**power:g}" if power >= 0 else f"1/{10**-power:g}"


def _drawn(chart: Any) -> bytes:
    drawn: bytes = chart.render()
    return drawn
