# SPDX-License-Identifier: GPL-2.0
"""The goals of the experiments: a figure of a cell and what must hold for it."""

from bench import goals as bench
from bench.goals import Figure, Goal
from bench.table import Columns, with_unit


def goal(ident, what, cell, figure, unit=""):
    """A goal without peers."""
    return Goal(ident, what, cell, (figure,), (), unit)


def at_most(key, limit):
    """A figure that must not be exceeded."""
    return Figure(key, "ours", "most", limit, worst=True)


GOALS = (
    goal("targets", "arithmetic of the targets for 10,000 VMs, CPU time", "targets",
         at_most("deal_10000_ms", 10), "ms"),
    goal("targets_all", "all of a computation of targets for 10,000 VMs, CPU time", "targets",
         at_most("cpu_10000_ms", 10), "ms"),
    goal("rebalance", "from an event to new targets, 1,000 VMs, the slowest kind of event",
         "targets", at_most("event_1000_ms", 100), "ms"),
    goal("figure6_up", "up-steps after which the estimate is within 2 standard errors of the "
         "truth one period later", "figure6", Figure("up_within", "ours", "least", 0.95, True)),
    goal("figure6_decay", "the averages' steps down against 1/4 and 3/4 of the way, difference",
         "figure6", at_most("gain_error", 0.01)),
    goal("error_young_100", "error of 95 % of samples of 100 pages, by young", "sampling_error",
         at_most("young_100_error", 10), "points"),
    goal("error_young_400", "error of 95 % of samples of 400 pages, by young", "sampling_error",
         at_most("young_400_error", 5), "points"),
    goal("error_unmap_100", "error of 95 % of samples of 100 pages, by unmap", "sampling_error",
         at_most("unmap_100_error", 10), "points"),
    goal("error_unmap_400", "error of 95 % of samples of 400 pages, by unmap", "sampling_error",
         at_most("unmap_400_error", 5), "points"),
    goal("sampling_bias", "mean error of all samples, the worst of the four kinds",
         "sampling_error", at_most("bias", 0.5), "points"),
    goal("cost", "cost of a period of a VM by young, 100 samples", "sampling_cost",
         at_most("young_period_us", 1000), "us"),
    goal("cost_growth", "cost of a period of the largest VM to that of the smallest",
         "sampling_cost", at_most("growth", 1.1)),
    goal("extra_faults", "faults that a period by young costs the guest", "sampling_cost",
         at_most("young_faults", 0), "faults"),
)


def judge_all(results):
    """Return (rows, {id: why there is no row})."""
    rows, missing = bench.judge_all(results, GOALS)
    return [{"value": row["esxmem"],
             **{key: row[key] for key in ("id", "what", "figure", "unit", "must", "met",
                                          "of", "sense", "limit", "esxmem")}}
            for row in rows], missing


def row_of(row):
    """What the table shows of a goal."""
    return (row["what"], with_unit(row["value"], row["unit"]), row["must"],
            "yes" if row["met"] else "NO")


COLUMNS = Columns(("goal", "value", "must", "met"), row_of, (50, 20, 20, 10))
