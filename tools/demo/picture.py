# SPDX-License-Identifier: GPL-2.0
"""Draws the guests' memory over time, with gnuplot."""

import shutil
import subprocess

PAGES_PER_MIB = 256
TERMINALS = {
    "svg": "svg size 1000,560 font 'sans-serif,14' background 'white'",
    "png": "pngcairo size 1500,840 font 'sans-serif,18'",
}
# From the bottom of the stack to its top: how much, title, colour.
LAYERS = (
    (lambda s: s["private_pages"], "own frames", "#4477aa"),
    (lambda s: s["shared_frames"], "shared frames", "#228833"),
    (lambda s: s["shared_pages"] - s["shared_frames"],
     "reclaimed by sharing", "#bbddbb"),
    (lambda s: s["zero_pages"], "reclaimed, zero pages", "#dddddd"),
)
PHASES = {"boot": "boot", "fill": "work", "check": "check",
          "share": "share", "write": "write"}


class PictureError(Exception):
    """Pictures cannot be drawn here."""


def require_gnuplot():
    """Fail unless gnuplot is there."""
    if not shutil.which("gnuplot"):
        raise PictureError("gnuplot is missing; apt-get install gnuplot-nox")


def draw(samples, title, base):
    """Write @base.svg and @base.png."""
    for suffix in TERMINALS:
        script = make_script(samples, title, base.with_suffix(f".{suffix}"))
        subprocess.run(["gnuplot"], input=script, text=True, check=True)


def make_script(samples, title, path):
    """Return gnuplot's input for one picture."""
    lines = [
        f"set terminal {TERMINALS[path.suffix[1:]]}",
        f"set output {quote(path)}",
        f"set title {quote(title)}",
        "set xlabel 'seconds since the start'",
        "set ylabel 'guest memory in use, MiB'",
        "set key outside bottom center horizontal",
        f"set yrange [0:{1.2 * top_edge(samples):.0f}]",
        f"set xrange [0:{samples[-1]['seconds']}]",
        "set grid ytics front",
        "set style fill solid 1.0 noborder",
        *phase_marks(samples),
        "$memory << end_of_data",
        *(" ".join(map(str, row)) for row in stack_rows(samples)),
        "end_of_data",
        "plot " + ", ".join(plot_clauses()),
    ]
    return "\n".join(lines) + "\n"


def stack_rows(samples):
    """Return rows of the time and the upper edges of the layers, in MiB."""
    rows = []
    for sample in samples:
        edge, row = 0, [sample["seconds"]]
        for amount, _, _ in LAYERS:
            edge += amount(sample) / PAGES_PER_MIB
            row.append(round(edge, 2))
        rows.append(row)
    return rows


def top_edge(samples):
    """Return the height of the stack where it is highest."""
    return max(row[-1] for row in stack_rows(samples)) or 1


def plot_clauses():
    """Return the clauses of the plot command, the highest layer first.

    Each layer is drawn down to zero; the lower ones then cover it.
    """
    clauses = [f"$memory using 1:{column} with filledcurves x1 "
               f"linecolor rgb '{colour}' title {quote(title)}"
               for column, (_, title, colour) in enumerate(LAYERS, start=2)]
    return reversed(clauses)


def phase_marks(samples):
    """Return a dashed line and a word wherever a phase begins."""
    marks, last = [], None
    for sample in samples:
        if sample["phase"] == last:
            continue
        last, at = sample["phase"], sample["seconds"]
        marks.append(f"set arrow from {at},graph 0 to {at},graph 1 nohead "
                     "front dashtype 3 linecolor rgb '#777777'")
        marks.append(f"set label {quote(PHASES[last])} at {at},graph 0.98 "
                     "right rotate by 90 offset character 0.7,0 front "
                     "textcolor rgb '#333333'")
    return marks


def quote(text):
    """Return a string in gnuplot's quotes, in which only ' is special."""
    return "'" + str(text).replace("'", "''") + "'"
