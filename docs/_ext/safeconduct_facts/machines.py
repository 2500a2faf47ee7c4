# SPDX-License-Identifier: Apache-2.0
"""State machines: a drawing and a table of steps, both read from the tables the server obeys.

Only the places of the states on the paper are kept here; a state without a place stops the build.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any

from safeconduct.policy.lifecycle import Machine, lifecycle
from safeconduct_facts.markdown import cell, code, table

Point = tuple[float, float]
RADIUS = 26
BEND = 34
PLACES: Mapping[str, Mapping[str, Point]] = {
    "report": {"S": (50, 120), "R": (170, 120), "I": (290, 210), "V": (290, 50), "A": (430, 50), "D": (430, 210),
               "C": (560, 130)},
    "embargo": {"N": (60, 110), "P": (210, 110), "A": (360, 110), "R": (510, 110), "X": (435, 240)},
    "consent": {"no_embargo": (80, 150), "invited": (270, 50), "signatory": (480, 50), "lapsed": (480, 250),
                "declined": (270, 250)},
}  # fmt: skip
HEIGHTS = {"report": 270, "embargo": 290, "consent": 320}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """One drawn edge: where it starts and ends, how far it bends, what is written on it."""

    start: Point
    end: Point
    bend: float
    label: str


def report() -> str:
    """Return the machine of reports."""
    return drawn(lifecycle().report)


def embargo() -> str:
    """Return the machine of embargoes."""
    return drawn(lifecycle().embargo)


def consent() -> str:
    """Return the machine of consent."""
    return drawn(lifecycle().consent)


def drawn(machine: Machine[Any, Any]) -> str:
    """Return the drawing and the table of one machine."""
    rows = [
        (code(source), cell(machine.state_words[source]), cell(machine.event_words[step]), code(target))
        for (source, step), target in machine.edges.items()
    ]
    return svg(machine) + "\n\n" + table(("from", "meaning", "step", "to"), rows)


def svg(machine: Machine[Any, Any]) -> str:
    """Return the drawing as SVG for the page; it takes the color of the text, so it reads in light and dark."""
    places = PLACES[machine.name]
    title = f"machine-{machine.name}"
    parts = [
        (
            f'<svg class="machine" viewBox="0 0 620 {HEIGHTS[machine.name]}" role="img" aria-labelledby="{title}" '
            'fill="none" stroke="currentColor" font-size="13" xmlns="http://www.w3.org/2000/svg">'
        ),
        f'<title id="{title}">{machine.title}. The table below says the same.</title>',
        (
            f'<defs><marker id="{title}-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor" stroke="none"/></marker></defs>'
        ),
        *(_arrow(arrow, f"{title}-tip") for arrow in arrows(machine, places)),
        *(_state(str(state), places[state], rests=state in machine.accepting) for state in machine.state_words),
        "</svg>",
    ]
    return "\n".join(parts)


def arrows(machine: Machine[Any, Any], places: Mapping[str, Point]) -> list[Arrow]:
    """Return one arrow per pair of states; steps between the same states share it."""
    labels: dict[tuple[str, str], list[str]] = {}
    for (source, step), target in machine.edges.items():
        labels.setdefault((str(source), str(target)), []).append(str(step))
    return [
        Arrow(
            start=places[source],
            end=places[target],
            bend=BEND if (target, source) in labels else 0,
            label=", ".join(steps),
        )
        for (source, target), steps in labels.items()
    ]


def _arrow(arrow: Arrow, tip: str) -> str:
    (x1, y1), (x2, y2) = arrow.start, arrow.end
    if arrow.start == arrow.end:
        return _loop(arrow, tip)
    length = hypot(x2 - x1, y2 - y1)
    across = ((y2 - y1) / length, -(x2 - x1) / length)
    middle = ((x1 + x2) / 2 + across[0] * arrow.bend, (y1 + y2) / 2 + across[1] * arrow.bend)
    start, end = _toward(arrow.start, middle), _toward(arrow.end, middle)
    label = (middle[0] + across[0] * (8 - arrow.bend / 2.4), middle[1] + across[1] * (8 - arrow.bend / 2.4))
    path = f"M{start[0]:.0f} {start[1]:.0f}Q{middle[0]:.0f} {middle[1]:.0f} {end[0]:.0f} {end[1]:.0f}"
    return f'<path d="{path}" marker-end="url(#{tip})"/>' + _text(label, arrow.label)


def _loop(arrow: Arrow, tip: str) -> str:
    x, y = arrow.start
    path = f"M{x - 12:.0f} {y - 23:.0f}C{x - 34:.0f} {y - 72:.0f} {x + 34:.0f} {y - 72:.0f} {x + 12:.0f} {y - 24:.0f}"
    return f'<path d="{path}" marker-end="url(#{tip})"/>' + _text((x, y - 66), arrow.label)


def _toward(point: Point, goal: Point) -> Point:
    """Return where a line from the middle of a state to the goal leaves its circle."""
    distance = hypot(goal[0] - point[0], goal[1] - point[1])
    return tuple(a + (b - a) / distance * (RADIUS + 2) for a, b in zip(point, goal, strict=True))  # type: ignore[return-value]  # two numbers in, two out


def _state(name: str, place: Point, *, rests: bool) -> str:
    x, y = place
    ring = f'<circle cx="{x}" cy="{y}" r="{RADIUS - 4}"/>' if rests and len(name) == 1 else ""
    label = name if len(name) == 1 else name.replace("_", " ")
    below = y + 5 if len(name) == 1 else y + RADIUS + 17
    return f'<circle cx="{x}" cy="{y}" r="{RADIUS}"/>{ring}' + _text((x, below), label, weight=' font-weight="600"')


def _text(place: Point, words: str, *, weight: str = "") -> str:
    return (
        f'<text x="{place[0]:.0f}" y="{place[1]:.0f}" text-anchor="middle" fill="currentColor" stroke="none"{weight}>'
        f"{words}</text>"
    )
