#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the experiments' arithmetic; needs no virtual host.  Prints TAP."""

import pathlib
import random
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
SELFTESTS = HERE.parent
sys.path[0] = str(HERE / "inside")
sys.path += map(str, (SELFTESTS, SELFTESTS / "guests", SELFTESTS / "bench/host/inside"))

from bench import cells, record, table                  # noqa: E402
from bench.cells import CellError                       # noqa: E402
import experiments                                      # noqa: E402
from experiments import goals, plots                    # noqa: E402
from experiments.native import targets                  # noqa: E402
import figure6                                          # noqa: E402
import sampler                                          # noqa: E402
import sampling_cost                                    # noqa: E402
import sampling_error                                   # noqa: E402
import statistic                                        # noqa: E402
import tap                                              # noqa: E402

# Of each goal: a figure that just will do, and one that will not.
EDGES = {"figure6_up": (0.95, 0.94), "figure6_decay": (0.01, 0.011),
         "error_young_100": (10, 10.1), "error_young_400": (5, 5.1),
         "error_unmap_100": (10, 10.1), "error_unmap_400": (5, 5.1),
         "sampling_bias": (0.5, 0.51), "cost": (1000, 1001), "cost_growth": (1.1, 1.11),
         "extra_faults": (0, 1), "targets": (10, 10.1), "targets_all": (10, 10.1),
         "rebalance": (100, 100.1)}
TRACE = """# tracer: nop
 esxmem_sampled-93 [000] ..... 41.5: esxmem_sample: vm=2 name=toucher method=0 sampled=100 \
touched=25 coarse=0 host=0 active=12288
 esxmem_sampled-93 [000] ..... 41.5: esxmem_sample: vm=3 name=other method=0 sampled=100 \
touched=99 coarse=0 host=0 active=12288
 esxmem_sampled-93 [000] ..... 42.1: esxmem_sample: vm=2 name=toucher method=0 sampled=50 \
touched=25 coarse=0 host=0 active=24576
"""


def results_with(edge):
    """The cells' results with each goal's figure at that edge."""
    results = {}
    for goal in goals.GOALS:
        arms = results.setdefault(goal.cell, {"arms": {"esxmem": [{}]}})["arms"]
        arms["esxmem"][0][goal.figures[0].key] = EDGES[goal.id][edge]
    return results


def test_each_goal_can_be_met_and_missed():
    for edge, met in ((0, True), (1, False)):
        rows, missing = goals.judge_all(results_with(edge))
        tap.check_equal({row["id"]: row["met"] for row in rows}, dict.fromkeys(EDGES, met),
                        "met")
        tap.check_equal(missing, {}, "without a row")


def test_rows_have_what_is_promised():
    run = record.begin(goals.judge_all, {}, {})
    tap.check_equal(set(run["not_run"]), set(EDGES), "not run")
    run["cells"] = results_with(1)
    record.judge(goals.judge_all, run)
    row = next(row for row in run["goals"] if row["id"] == "figure6_up")
    tap.check({"id", "what", "value", "must", "met"} <= set(row), row)
    tap.check_equal((row["value"], row["must"]), (0.94, ">= 0.95"), "the row")
    tap.check(f"0 of {len(EDGES)} goals met" in table.render(run, goals.COLUMNS), "the table")


def test_cells_have_known_goals_and_modules():
    listed = experiments.cells(cells.Options())
    named = [ident for _, cell in listed for ident in cell.goals]
    tap.check_equal(sorted(named), sorted(EDGES), "goals of cells")
    for bed, cell in listed:
        if bed == "native":
            continue
        tap.check((experiments.INSIDE / f"{cell.name}.py").exists(), cell.name)


def test_an_error_is_in_points_of_the_vm():
    tap.check_equal(statistic.points(30, 100, 2048, 8192), 5.0, "too much")
    tap.check_equal(statistic.points(90, 400, 2048, 8192), -2.5, "too little")


def test_errors_are_taken_at_95_of_100():
    errors = [0.1 * sign for sign in (1, -1)] * 47 + [-3] + [9] * 5
    tap.check_equal(statistic.error_at(errors, 0.95), 3, "of 100")
    tap.check_equal(statistic.error_at(errors + [9] * 5, 0.95), 9, "with more that are wrong")
    tap.check_equal(statistic.error_at([7], 0.95), 7, "of one")


def test_a_standard_error_is_greatest_at_half():
    tap.check_equal(statistic.standard_error(0.5, 100), 0.05, "at half")
    tap.check_equal(statistic.standard_error(0.2, 400), 0.02, "at a fifth")


def test_a_gain_is_found_in_noise():
    moves, value = [], 1.0
    for _ in range(20):
        says = random.Random(len(moves)).random()
        moves.append((value, value + (says - value) / 4, says))
        value = moves[-1][1]
    tap.check(abs(statistic.gain(moves) - 0.25) < 1e-9, statistic.gain(moves))
    tap.check_equal(statistic.gain([]), None, "of nothing")


def test_half_lives_are_the_papers():
    tap.check_equal(round(statistic.half_life(1 / 4), 2), 2.41, "slow")
    tap.check_equal(statistic.half_life(3 / 4), 0.5, "fast")


def test_periods_are_read_from_the_trace():
    tap.check_equal(figure6.periods_said(TRACE), [0.25, 0.5], "of the toucher")


def test_only_steps_down_without_a_gap_show_the_decay():
    ends = [(3, 0.5, 0.5), (4, 0.4, 0.2), (5, 0.5, 0.6), (7, 0.3, 0.3), (8, 0.25, 0.15)]
    said = {4: 0.1, 5: 0.8, 6: 0.2, 7: 0.2, 8: 0.1}
    tap.check_equal(figure6.moves(ends, said, 1), [(0.5, 0.4, 0.1), (0.3, 0.25, 0.1)], "slow")
    tap.check_equal(figure6.moves(ends, said, 2), [(0.5, 0.2, 0.1), (0.3, 0.15, 0.1)], "fast")


def step(mib, estimate, truth):
    """A step as the cell has it."""
    return {"mib": mib, "estimate": estimate, "truth": truth, "start": mib}


def test_only_steps_up_are_judged():
    low, high = step(8, 0.9, 0.2), step(40, 0.4, 0.5)
    tap.check_equal(figure6.up_error(None, low), None, "the first")
    tap.check_equal(figure6.up_error(high, low), None, "down")
    tap.check_equal(round(figure6.up_error(low, high), 9), -2.0, "up")


def test_figures_of_the_steps():
    watch = figure6.Watch.__new__(figure6.Watch)
    watch.points, watch.shown, watch.size = [(0, 0, 0, 0, 0)], 1, 4096
    watch.ends = [(1, 0.8, 0.8), (2, 0.7, 0.5), (3, 0.6, 0.425)]
    steps = [step(8, 0.2, 0.2), step(40, 0.5, 0.5), step(64, 0.5, 0.8)]
    data = {}
    found = figure6.figures_of((steps, watch, {2: 0.4, 3: 0.4}), data)
    tap.check_equal((found["up_steps"], found["up_within"]), (2, 0.5), "up-steps")
    tap.check(abs(found["gain_fast"] - 0.75) < 1e-9, found)
    # (0.1 * 0.4 + 0.1 * 0.3) / (0.16 + 0.09)
    tap.check(abs(found["gain_slow"] - 0.28) < 1e-9, found)
    tap.check(abs(found["gain_error"] - 0.03) < 1e-9, found)


def test_errors_of_all_sizes_are_taken_together():
    rows = {0.1: [(1, 1.0)] * 19 + [(-2, 0.9)], 0.5: [(4, 1.0)] * 20}
    found = sampling_error.figures_of("young_100", rows)
    tap.check_equal(found, {"young_100_error": 4, "young_100_bias": (19 - 2 + 80) / 40,
                            "young_100_seen": 0.9, "young_100_error_at_10": 1,
                            "young_100_error_at_50": 4}, "figures")


def test_cost_grows_from_the_smallest_to_the_largest():
    small = {"young_period_ns": 4000, "unmap_period_ns": 9000, "scan_ns": 10000,
             "young_faults": 0, "unmap_faults": 40}
    large = dict(small, young_period_ns=5000, scan_ns=160000, young_faults=0.5)
    found = sampling_cost.figures_of({16: small, 256: large})
    tap.check_equal(found, {"young_period_us": 5, "unmap_period_us": 9, "growth": 1.25,
                            "scan_growth": 16, "scan_us": 160, "young_faults": 0.5,
                            "unmap_faults": 40}, "figures")


def test_the_slowest_kind_of_event_counts():
    found = {"shares": [11, 12, 40], "start": [15, 13, 14], "stop": [1, 2, 3], "cpu": [5, 5, 6]}
    lists = {}
    row = targets.figures_of(1000, found, lists)
    tap.check_equal(row, {"shares_1000_ms": 12, "start_1000_ms": 14, "stop_1000_ms": 2,
                          "cpu_1000_ms": 5, "event_1000_ms": 14}, "figures")
    tap.check_equal(lists["shares_1000_ms"], [11, 12, 40], "what is kept")


class Worker:
    """Answers as the worker does; all VMs have the targets that @targets says."""

    def __init__(self, answer, sizes):
        self.answer, self.sizes = answer, sizes

    def ask(self, *_commands):
        return self.answer

    def figures(self, paths):
        return self.sizes[:len(paths)]


def refused(function, *arguments):
    """Does it fail as a cell does?"""
    try:
        function(*arguments)
    except CellError:
        return True
    return False


def test_an_event_without_effect_is_no_figure():
    tap.check_equal(targets.Vms(Worker(" 10500", [])).event("set x"), 10.5, "milliseconds")
    tap.check(refused(targets.Vms(Worker(" 20000000", [])).event, "set x"), "too late")


def test_targets_must_be_as_shares_are():
    vms = targets.Vms(Worker(" 10500", [40 << 12, 20 << 12]))
    vms.grow(2)
    tap.check_equal(vms.shares(), 10.5, "twice the shares, twice the memory")
    tap.check(refused(vms.shares), "the same shares, twice the memory")


def test_targets_must_be_all_there_is():
    pages = (2 << 8) // targets.POOL_PARTS
    vms = targets.Vms(Worker("", [(pages - 50) << 12, 50 << 12]))
    vms.grow(2)
    vms.check_sum()
    vms = targets.Vms(Worker("", [(pages - 50) << 12, 51 << 12]))
    vms.grow(2)
    tap.check(refused(vms.check_sum), "a page too much")


def test_the_bits_of_a_guest_are_its_own():
    text = "17 5 10 a\n170 6 20 b c\n"
    tap.check_equal(sampler.young_of(text, 170), 6, "of 170")
    try:
        sampler.young_of(text, 7)
    except sampler.Wrong:
        return
    raise tap.Failure("an unknown process has young pages")


def test_what_was_touched_is_a_line_of_steps():
    data = {"size": 100 << 20, "points": [(0,), (9,)],
            "steps": [dict(step(1, 0, 0.5)), dict(step(4, 0, 0.25)), dict(step(12, 0, 1))]}
    tap.check_equal(plots.touched_over_time(data), ([1, 4, 4, 9], [50, 50, 25, 25]), "line")


def test_errors_are_drawn_by_what_is_in_use():
    figures = {"young_100_error_at_90": 2, "young_100_error_at_10": 1, "young_400_error_at_5": 3}
    tap.check_equal(plots.errors_by_share(figures, "young", 100), ([10, 90], [1, 2]), "points")


if __name__ == "__main__":
    sys.exit(tap.run([test for name, test in list(globals().items())
                      if name.startswith("test_")]))
