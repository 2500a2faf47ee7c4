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
BOX = (54, 19)
"""Half the width and height of a state whose name is a word."""
PLACES: Mapping[str, Mapping[str, Point]] = {
    "report": {"S": (50, 120), "R": (170, 120), "I": (290, 210), "V": (290, 50), "A": (430, 50), "D": (430, 210),
               "C": (560, 130)},
    "embargo": {"N": (60, 110), "P": (210, 110), "A": (360, 110), "R": (510, 110), "X": (435, 240)},
    "consent": {"no_embargo": (70, 150), "invited": (290, 180), "signatory": (520, 40), "lapsed": (520, 270),
                "declined": (290, 290)},
}  # fmt: skip
HEIGHTS = {"report": 270, "embargo": 290, "consent": 320}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """One drawn edge: where it starts and ends, how far it bends, what is written on it."""

    start: Point
    end: Point
    bend: float
    label: str
    boxed: bool


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
        (
            code(source),
            cell(machine.state_words[source]),
            f"{code(step)} {cell(machine.event_words[step])}",
            code(target),
        )
        for (source, step), target in machine.edges.items()
    ]
    steps = sorted(everywhere(machine))
    note = (
        f"\n\nNot drawn, because it leads from every state to the same one: {', '.join(map(code, steps))}."
        if steps
        else ""
    )
    return svg(machine) + note + "\n\n" + table(("from", "meaning", "step", "to"), rows)


def everywhere(machine: Machine[Any, Any]) -> frozenset[str]:
    """Return the steps that are possible in every state and lead to one and the same."""
    targets: dict[str, list[str]] = {}
    for (_source, step), target in machine.edges.items():
        targets.setdefault(str(step), []).append(str(target))
    count = len(machine.state_words)
    return frozenset(step for step, found in targets.items() if len(found) == count and len(set(found)) == 1)


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
        if str(step) not in everywhere(machine):
            labels.setdefault((str(source), str(target)), []).append(str(step))
    return [
        Arrow(
            start=places[source],
            end=places[target],
            bend=BEND if (target, source) in labels else 0,
            label=", ".join(steps),
            boxed=len(source) > 1,
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
    start, end = (_edge(point, middle, boxed=arrow.boxed) for point in (arrow.start, arrow.end))
    beside = 13 - arrow.bend / 2 + abs(across[0]) * (2 + 3.4 * len(arrow.label))
    label = (middle[0] + across[0] * beside, middle[1] + across[1] * beside + 4)
    path = f"M{start[0]:.0f} {start[1]:.0f}Q{middle[0]:.0f} {middle[1]:.0f} {end[0]:.0f} {end[1]:.0f}"
    return f'<path d="{path}" marker-end="url(#{tip})"/>' + _text(label, arrow.label)


def _loop(arrow: Arrow, tip: str) -> str:
    x, y = arrow.start
    path = f"M{x - 12:.0f} {y - 23:.0f}C{x - 34:.0f} {y - 72:.0f} {x + 34:.0f} {y - 72:.0f} {x + 12:.0f} {y - 24:.0f}"
    return f'<path d="{path}" marker-end="url(#{tip})"/>' + _text((x, y - 66), arrow.label)


def _edge(point: Point, goal: Point, *, boxed: bool) -> Point:
    """Return where a line from the middle of a state to the goal leaves its circle or box."""
    x, y = goal[0] - point[0], goal[1] - point[1]
    part = min(BOX[0] / (abs(x) or 1), BOX[1] / (abs(y) or 1)) if boxed else RADIUS / hypot(x, y)
    part += 2 / hypot(x, y)
    return point[0] + x * part, point[1] + y * part


def _state(name: str, place: Point, *, rests: bool) -> str:
    x, y = place
    label = _text((x, y + 5), name.replace("_", " "), weight=' font-weight="600"')
    if len(name) > 1:
        wide, high = BOX
        return f'<rect x="{x - wide}" y="{y - high}" width="{2 * wide}" height="{2 * high}" rx="12"/>{label}'
    ring = f'<circle cx="{x}" cy="{y}" r="{RADIUS - 4}"/>' if rests else ""
    return f'<circle cx="{x}" cy="{y}" r="{RADIUS}"/>{ring}{label}'


def _text(place: Point, words: str, *, weight: str = "") -> str:
    return (
        f'<text x="{place[0]:.0f}" y="{place[1]:.0f}" text-anchor="middle" fill="currentColor" stroke="none"{weight}>'
        f"{words}</text>"
    )
