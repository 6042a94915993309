# SPDX-License-Identifier: GPL-2.0
"""The goals: which figures of which cell are compared, and what must hold.

One entry for each row of the table of goals.  A goal takes the median of a
figure over the repetitions of each arm (the worst repetition for a count that
must never be exceeded) and compares our arm with the best of its peers.
"""

import dataclasses
import fractions
import statistics
import typing

from . import paired

OURS = "esxmem"
TUNED = ("ksm_smart", "ksm_plain")


class NotRun(Exception):
    """A goal has no figures, for the reason given."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """A key of the repetitions and what must hold for it."""
    key: str
    # "ratio": ours / peer is limited; "ours": our figure is.
    of: str
    # "most": limit is the greatest that will do; "least": the smallest.
    sense: str
    limit: float
    # How the repetitions of an arm become one number.
    worst: bool = False
    # Another cell than the goal's; if it was not run the row does without.
    cell: str = ""
    # Repetitions of the arms were made together: the ratio is the median of theirs.
    paired: bool = False

    def of_arm(self, repetitions):
        """One number for the repetitions of an arm, or None."""
        values = [r[self.key] for r in repetitions if r.get(self.key) is not None]
        if not values:
            return None
        if not self.worst:
            return statistics.median(values)
        return max(values) if self.sense == "most" else min(values)

    def best(self, values):
        """The best of some peers' numbers."""
        return min(values) if self.sense == "most" else max(values)

    def holds(self, ours, ratio):
        """Is the goal met by these?"""
        value = ratio if self.of == "ratio" else ours
        if value is None:
            return False
        return value <= self.limit if self.sense == "most" else value >= self.limit

    def must(self):
        """The limit in words."""
        sign = "<=" if self.sense == "most" else ">="
        limit = fractions.Fraction(self.limit).limit_denominator(100)
        text = str(limit) if limit.numerator == 1 else f"{self.limit:.4g}"
        return f"{sign} {text}{' of the peer' if self.of == 'ratio' else ''}"


@dataclasses.dataclass(frozen=True)
class Goal:
    """A row of the table."""
    id: str
    what: str
    cell: str
    figures: typing.Tuple[Figure, ...]
    peers: typing.Tuple[str, ...] = TUNED
    unit: str = ""


def ratio_of(ours, peer):
    """ours / peer; None if there is no such thing."""
    if ours is None or peer is None or not peer:
        return None
    return ours / peer


# In the order of the table of goals.
GOALS = (
    Goal("recall", "recall of stable duplicates in 2 passes, default settings, "
         "those that become equal late included", "recall",
         (Figure("recall", "ours", "least", 1.0, worst=True),),
         ("ksm_default",), "of the oracle"),
    Goal("cpu_unique", "CPU per visit, unique pages", "cpu_unique",
         (Figure("ns_per_visit", "ratio", "most", 1 / 6),), unit="ns"),
    Goal("cpu_alike", "CPU per visit, pages alike but for the tail", "cpu_alike",
         (Figure("ns_per_visit", "ratio", "most", 1 / 12),), unit="ns"),
    Goal("growth", "growth of cost per page from 64 Ki to 1 Mi pages", "growth",
         (Figure("growth", "ours", "most", 1.10),), unit="times"),
    Goal("unchanged", "CPU of a pass over memory that did not change, against the "
         "first pass", "unchanged",
         (Figure("pass_ns", "ratio", "most", 1 / 20),), ("esxmem_first_pass",), "ns"),
    Goal("cpu_to_90", "CPU to 90 % of the oracle's savings, two like guests", "cpu_to_90",
         (Figure("cpu_ns", "ratio", "most", 1 / 5),), unit="ns"),
    Goal("metadata", "metadata per tracked page", "metadata",
         (Figure("bytes_per_page", "ours", "most", 20, worst=True),
          # 2 MB frames that are not broken: measured where there are such.
          Figure("bytes_per_page", "ours", "most", 1, worst=True, cell="metadata_large")),
         unit="bytes"),
    Goal("huge_broken", "huge pages broken to save one page per 2 MB, no pressure",
         "huge_broken", (Figure("huge_broken", "ours", "most", 0, worst=True),),
         unit="huge pages"),
    Goal("copies", "copies kept of one content mapped 65,536 times", "copies",
         (Figure("copies", "ours", "most", 1, worst=True),), unit="copies"),
    Goal("invalidations", "notifier ranges and flushes per merged page", "invalidations",
         (Figure("per_merged_page", "ratio", "most", 1 / 10),), unit="per page"),
    Goal("thrash", "merge-then-break cycles on a write-hot set, 20 passes", "thrash",
         (Figure("cycles", "ratio", "most", 1 / 5),), unit="cycles"),
    Goal("boot", "faults and 2 MB mappings to boot a guest", "boot",
         # Two boots of one arm differ by 3 in 620 and by 3 in 67.
         (Figure("faults", "ratio", "most", 1.01),
          Figure("mappings_2m", "ratio", "least", 0.95)),
         ("memfd_huge", "anon_thp")),
    Goal("guest_memory", "guest memory benchmark, large pages on", "guest_memory",
         (Figure("chase_per_second", "ratio", "least", 0.98, paired=True),
          Figure("stream_per_second", "ratio", "least", 0.98, paired=True)),
         ("thp",), "per second"),
    Goal("first_write", "first-write cost of a shared page", "first_write",
         (Figure("ns", "ratio", "most", 1.5),), ("fork_cow",), "ns"),
)


def compare(goal, figure, arms):
    """The goal's row for one of its figures."""
    ours = figure.of_arm(arms.get(OURS, ()))
    if ours is None:
        raise NotRun(f"cell {goal.cell} has no figure {figure.key} of {OURS}")
    numbers = {arm: figure.of_arm(arms.get(arm, ())) for arm in goal.peers}
    known = {arm: number for arm, number in numbers.items() if number is not None}
    peer = figure.best(known.values()) if known else None
    if peer is None and figure.of == "ratio":
        raise NotRun(f"cell {goal.cell} has no figure {figure.key} of a peer")
    peer_arm = next((arm for arm, number in known.items() if number == peer), None)
    ratio = ratio_of(ours, peer)
    if figure.paired:
        ratio = paired.summary(arms[OURS], arms[peer_arm], figure.key)["median"]
    if ratio is None and figure.of == "ratio" and ours == peer == 0:
        # Neither has any: as good as it gets where less is better, and equal.
        ratio = 0.0 if figure.sense == "most" else 1.0
    return {"id": goal.id, "what": goal.what, "figure": figure.key, "unit": goal.unit,
            "esxmem": ours, "peer": peer,
            "peer_arm": peer_arm, "peers": numbers, "ratio": ratio, "must": figure.must(),
            "of": figure.of, "sense": figure.sense, "limit": figure.limit,
            "met": figure.holds(ours, ratio)}


def arms_of(cell, results):
    """The arms of a cell; NotRun without."""
    result = results.get(cell)
    if result is None:
        raise NotRun(f"cell {cell} was not run")
    if "error" in result:
        raise NotRun(f"cell {cell} failed: {result['error'].splitlines()[-1]}")
    return result["arms"]


def judge(goal, results):
    """The row of @goal by the cells' @results; NotRun if it has no figures.

    Of several figures the first that fails is shown, or else the first.
    """
    rows, without = [], []
    for figure in goal.figures:
        try:
            rows.append(compare(goal, figure, arms_of(figure.cell or goal.cell, results)))
        except NotRun as reason:
            if not figure.cell:
                raise
            without.append(str(reason))
    chosen = dict(next((row for row in rows if not row["met"]), rows[0]))
    if len(rows) > 1:
        chosen["all"] = rows
    if without:
        chosen["without"] = without
    return chosen


def judge_all(results, goals=GOALS):
    """Return (rows, {id: why there is no row})."""
    rows, missing = [], {}
    for goal in goals:
        try:
            rows.append(judge(goal, results))
        except NotRun as reason:
            missing[goal.id] = str(reason)
    return rows, missing


def by_id(ident):
    """The goal called @ident, or None."""
    return next((goal for goal in GOALS if goal.id == ident), None)
