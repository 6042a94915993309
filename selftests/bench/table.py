# SPDX-License-Identifier: GPL-2.0
"""The table of goals, for eyes and for the documentation."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Columns:
    """What the table shows of a goal."""
    head: typing.Tuple[str, ...]
    row: typing.Callable        # row(goal) -> a text for each of head
    widths: typing.Tuple[int, ...]


def number(value, unit=""):
    """A number as people write it."""
    if value is None:
        return "-"
    if unit == "ns" and abs(value) >= 1e6:
        return f"{value / 1e6:,.1f} ms"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def with_unit(value, unit):
    """A number and what it counts."""
    text = number(value, unit)
    return text if not unit or text == "-" or text.endswith(" ms") else f"{text} {unit}"


def row(goal):
    """The cells of a goal's row."""
    peer = with_unit(goal["peer"], goal["unit"])
    if goal["peer"] is not None and goal.get("peer_arm"):
        peer += f" ({goal['peer_arm']})"
    return (goal["what"], with_unit(goal["esxmem"], goal["unit"]), peer,
            number(goal["ratio"]), goal["must"], "yes" if goal["met"] else "NO")


PEERS = Columns(("goal", "esxmem", "peer", "ratio", "must", "met"), row,
                (34, 14, 20, 8, 16, 8))


def render(run, columns):
    """The table of a run as text."""
    rows = [columns.head] + [columns.row(goal) for goal in run["goals"]]
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(columns.head))]
    widths[0] = min(widths[0], 60)
    lines = [line(cells, widths) for cells in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    met = sum(goal["met"] for goal in run["goals"])
    lines.append(f"{met} of {len(run['goals'])} goals met, {len(run['not_run'])} not run")
    lines += [f"not run: {ident}: {why}" for ident, why in run["not_run"].items()]
    return "\n".join(lines)


def line(cells, widths):
    """One line, the first column cut if it has to be."""
    first = cells[0] if len(cells[0]) <= widths[0] else cells[0][:widths[0] - 2] + ".."
    padded = [text.ljust(width) for text, width in zip((first, *cells[1:]), widths)]
    return "  ".join(padded).rstrip()
