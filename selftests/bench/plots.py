# SPDX-License-Identifier: GPL-2.0
"""Pictures of a run, as SVG."""

import statistics

from bench import drawing

# File, title, cell, {key of its repetitions: what it is}, label, factor.
VISITS = {"ns_first": "first pass", "ns_per_visit": "compared", "ns_later": "later passes"}
BARS = (
    ("cpu_unique", "CPU of a visit: unique pages", "cpu_unique", VISITS, "ns per page", 1),
    ("cpu_alike", "CPU of a visit: pages alike but for the tail", "cpu_alike", VISITS,
     "ns per page", 1),
    ("growth", "CPU of a visit among few and many pages", "growth",
     {"ns_few": "few", "ns_many": "many"}, "ns per page", 1),
    ("cpu_to_90", "CPU to 90 % of the oracle's savings: like guests", "cpu_to_90",
     {"cpu_ns": ""}, "ms", 1e-6),
    ("low_sharing", "CPU to 90 % of the oracle's savings: little in common", "low_sharing",
     {"cpu_ns": ""}, "ms", 1e-6),
    ("recall", "Share of the oracle's found in 2 passes", "recall",
     {"recall_from_start": "equal from the start", "recall_late": "equal late"}, "share", 1),
    ("metadata", "Metadata for each page", "metadata",
     {"bytes_per_page_unique": "unique", "bytes_per_page_pairs": "pairs"}, "bytes", 1),
    ("thrash", "Pages shared in vain, 20 passes", "thrash",
     {"cycles_same": "same contents again", "cycles_lot": "one of few by lot"},
     "merge-then-break cycles", 1),
)
COLOURS = {"esxmem": drawing.GOOD}
OTHERS = ("#8c8c8c", "#b5b5b5", "#6d6d6d", "#d0d0d0")


def values_of(repetitions, key, factor):
    """The figures of an arm, or none."""
    return [row[key] * factor for row in repetitions if row.get(key) is not None]


def colour_of(arm, number):
    """Ours stands out."""
    return COLOURS.get(arm, OTHERS[number % len(OTHERS)])


def draw_bars(axes, arms, keys, factor):
    """Groups of bars: a group for each key, a bar for each arm, with its range."""
    width = 0.8 / len(arms)
    for number, (arm, repetitions) in enumerate(arms.items()):
        for group, key in enumerate(keys):
            values = values_of(repetitions, key, factor)
            if not values:
                continue
            middle = statistics.median(values)
            axes.bar(group + number * width, middle, width * 0.92,
                     color=colour_of(arm, number), label=arm if group == 0 else None,
                     yerr=[[middle - min(values)], [max(values) - middle]], capsize=3)
    axes.set_xticks([group + 0.4 - width / 2 for group in range(len(keys))])
    axes.set_xticklabels(keys.values())
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def draw_all(run, directory):
    """Draw what there are figures for; return the files."""
    with drawing.Board(directory, "bench") as board:
        for name, title, cell, keys, label, factor in BARS:
            arms = run["cells"].get(cell, {}).get("arms")
            if arms:
                axes = board.begin(name, title)
                draw_bars(axes, arms, keys, factor)
                axes.set_ylabel(label)
        drawing.goals(board, run)
    return board.drawn
