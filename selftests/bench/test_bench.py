#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the benchmark's arithmetic: goals, oracle, accounts.  Prints TAP."""

import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[0] = str(HERE.parent)

from bench import cells, drawing, goals, paired, record, table  # noqa: E402
from bench.native import footprint, memory, recall      # noqa: E402
import bench.native                                     # noqa: E402

RATIO = goals.Goal("r", "a ratio", "c", (goals.Figure("ns", "ratio", "most", 1 / 4),),
                   ("ksm_smart", "ksm_plain"))
COUNT = goals.Goal("n", "a count", "c",
                   (goals.Figure("n", "ours", "most", 1, worst=True),), ("ksm_plain",))


def arms(key, **values):
    """The result of a cell, from the figures of each arm."""
    return {"c": {"arms": {arm: [{key: value} for value in row]
                           for arm, row in values.items()}}}


def expect_not_run(goal, results):
    """The goal has no row."""
    try:
        goals.judge(goal, results)
    except goals.NotRun:
        return
    raise AssertionError("a row was made of nothing")


def a_ratio_is_to_the_better_peer():
    row = goals.judge(RATIO, arms("ns", esxmem=[100], ksm_smart=[900], ksm_plain=[400]))
    assert (row["peer"], row["peer_arm"], row["ratio"]) == (400, "ksm_plain", 0.25), row
    assert row["met"]


def a_ratio_above_the_limit_is_not_met():
    row = goals.judge(RATIO, arms("ns", esxmem=[101], ksm_smart=[400], ksm_plain=[900]))
    assert not row["met"] and row["peer_arm"] == "ksm_smart", row


def repetitions_are_taken_at_the_median():
    row = goals.judge(RATIO, arms("ns", esxmem=[1, 1000, 3], ksm_plain=[7, 12, 900]))
    assert (row["esxmem"], row["peer"]) == (3, 12), row


def a_count_is_taken_at_its_worst():
    row = goals.judge(COUNT, arms("n", esxmem=[1, 2, 1], ksm_plain=[256]))
    assert row["esxmem"] == 2 and not row["met"], row


def a_count_needs_no_peer():
    row = goals.judge(COUNT, arms("n", esxmem=[1]))
    assert row["met"] and row["peer"] is None and row["ratio"] is None, row


def a_count_of_zero_beside_a_peer_of_zero_is_met():
    goal = goals.Goal("z", "zero", "c", (goals.Figure("n", "ratio", "most", 0.2),), ("ksm_plain",))
    assert goals.judge(goal, arms("n", esxmem=[0], ksm_plain=[0]))["met"]
    assert not goals.judge(goal, arms("n", esxmem=[3], ksm_plain=[0]))["met"]


def what_must_be_great_is_compared_with_the_greatest():
    goal = goals.Goal("g", "speed", "c", (goals.Figure("n", "ratio", "least", 0.98),),
                      ("thp", "memfd_huge"))
    row = goals.judge(goal, arms("n", esxmem=[97], thp=[100], memfd_huge=[50]))
    assert row["peer"] == 100 and not row["met"], row
    assert goals.judge(goal, arms("n", esxmem=[99], thp=[100]))["met"]


def paired_repetitions_are_compared_one_by_one():
    goal = goals.Goal("p", "pairs", "c", (goals.Figure("n", "ratio", "least", 1.5, paired=True),),
                      ("thp",))
    row = goals.judge(goal, arms("n", esxmem=[20, 6, 300], thp=[10, 6, 100]))
    assert (row["esxmem"], row["peer"], row["ratio"]) == (20, 10, 2), row
    assert row["met"]


def an_interval_leaves_aside_what_signs_allow():
    # Of 16 signs at most 2 are of one kind with 2 * 137 / 65536, at most 3 with 2 * 697 / 65536.
    assert paired.interval(list(range(16)), 0.99) == (2, 13)
    assert paired.interval(list(range(16)), 0.97) == (3, 12)
    assert paired.interval([5, 1, 4, 2, 3, 8, 7, 6], 0.99) == (1, 8)
    assert paired.interval([1, 2, 3, 4, 5, 6, 7], 0.99) == (None, None)
    assert paired.resolution({"low": 0.9, "high": 1.0}) == (1.0 - 0.9) / 2


def a_goal_of_two_figures_shows_the_one_that_fails():
    goal = goals.by_id("boot")
    rows = {"esxmem": [{"faults": 10, "mappings_2m": 4}],
            "anon_thp": [{"faults": 20, "mappings_2m": 8}]}
    row = goals.judge(goal, {"boot": {"arms": rows}})
    assert row["figure"] == "mappings_2m" and not row["met"] and len(row["all"]) == 2, row


def a_figure_of_another_cell_may_be_missing():
    goal = goals.by_id("metadata")
    results = {"metadata": {"arms": {"esxmem": [{"bytes_per_page": 9}]}}}
    row = goals.judge(goal, results)
    assert row["met"] and row["without"] == ["cell metadata_large was not run"], row
    results["metadata_large"] = {"arms": {"esxmem": [{"bytes_per_page": 1.5}]}}
    row = goals.judge(goal, results)
    assert not row["met"] and row["must"] == "<= 1" and "without" not in row, row
    results["metadata"] = {"error": "died"}
    expect_not_run(goal, results)


def without_figures_there_is_no_row():
    expect_not_run(RATIO, {})
    expect_not_run(RATIO, {"c": {"error": "the machine died", "arms": {}}})
    expect_not_run(RATIO, arms("ns", esxmem=[1]))
    expect_not_run(RATIO, arms("ns", ksm_plain=[1]))
    expect_not_run(RATIO, arms("ns", esxmem=[None], ksm_plain=[1]))


def every_row_of_the_table_is_a_goal_or_not_run():
    run = record.begin(goals.judge_all, {}, {})
    assert len(goals.GOALS) == 14 and len(run["not_run"]) == 14 and not run["goals"]
    assert all(run["not_run"].values())
    run["cells"]["copies"] = {"arms": {"esxmem": [{"copies": 1}], "ksm_plain": [{"copies": 256}]}}
    record.judge(goals.judge_all, run)
    assert [row["id"] for row in run["goals"]] == ["copies"] and len(run["not_run"]) == 13
    assert {"id", "what", "esxmem", "peer", "ratio", "must", "met"} <= set(run["goals"][0])
    assert "copies kept" in table.render(run, table.PEERS)


def a_run_goes_on_with_what_the_last_one_measured():
    options = {"quick": False}
    here = {"cpu": "a", "cpus": 2, "memory_mib": 1, "kernel": "k", "date": "d", "commit": "c"}
    last = record.begin(goals.judge_all, here, options)
    last.update(seconds=60, cells={"copies": {"arms": {"esxmem": [{"copies": 1}]}}})
    run = record.begin(goals.judge_all, dict(here, date="e"), options, last)
    assert run["seconds"] == 60 and [goal["id"] for goal in run["goals"]] == ["copies"], run
    assert run["cells"]["copies"]["made"] == {"date": "d", "commit": "c"}, run
    for other in (dict(here, kernel="l"), dict(here, cpus=4)):
        try:
            record.begin(goals.judge_all, other, options, last)
        except record.OtherMachine as error:
            assert "kernel" in str(error) or "cpus" in str(error), error
        else:
            raise AssertionError("figures of two machines stand side by side")


def limits_are_told_as_fractions():
    limits = {goal.id: goal.figures[0].must() for goal in goals.GOALS}
    assert limits["cpu_alike"] == "<= 1/12 of the peer", limits
    assert limits["growth"] == "<= 1.1" and limits["huge_broken"] == "<= 0", limits


def cells_have_names_of_their_own_and_known_goals():
    listed = bench.native.cells(cells.Options())
    assert len({cell.name for cell in listed}) == len(listed)
    for cell in listed:
        assert all(goals.by_id(ident) for ident in cell.goals), cell.name


def arms_go_there_and_back():
    assert cells.there_and_back("ABC", 2) == list("ABCCBA")
    assert cells.there_and_back("AB", 3) == list("ABBAAB")


def recall_counts_what_became_equal_late_apart():
    early = {"zero": 10, "twins": 90}
    late = {"zero": 10, "twins": 290}
    row = recall.judge([150, 200, 300], 100, early, late)
    assert row["recall_from_start"] == 1.0 and row["recall_late"] == 0.5, row
    assert row["recall"] == 0.5 and row["passes_to_all"] == 3, row
    row = recall.judge([300, 300], 50, early, late)
    assert row["recall"] == 0.5 and row["recall_late"] == 1.0, row


def slabs_are_counted_whole():
    text = ("slabinfo - version: 2.1\n"
            "esx_leaf 10 16 4096 8 8 : tunables 0 0 0 : slabdata 2 2 0\n"
            "dentry 10 16 192 21 1 : tunables 0 0 0 : slabdata 9 9 0\n")
    assert footprint.slabs_of(text) == {"esx_leaf": 2 * 8 * 4096}


def free_pages_of_the_cpu_lists_are_free():
    text = ("Node 0, zone Normal\n  pages free 7\n  pagesets\n    cpu: 0\n"
            "              count: 12\n              high: 9\n    cpu: 1\n"
            "              count: 3\n")
    assert footprint.waiting_in(text) == 15 * 4096


def guests_frames_are_no_metadata():
    grown = footprint.growth({"esx_leaf": 4096, footprint.BARE: 0},
                             {"esx_leaf": 8192, footprint.BARE: 50000}, 40960)
    assert grown == {"esx_leaf": 4096, footprint.BARE: 50000 - 40960}, grown


def numbers_go_on_from_holder_to_holder():
    told = []

    class Worker:
        """Takes notes."""

        def ask(self, command):
            told.append(command)

    some = memory.Memory(Worker(), None)
    some.fill([(0, 4), (1, 4)], memory.RANDOM, 100, 8)
    assert [line.split()[7:] for line in told] == [["100", "8"], ["104", "4"]], told
    told.clear()
    some.fill([(0, 4), (1, 4)], memory.RANDOM, 100, 2)
    assert [line.split()[7:] for line in told] == [["100", "2"], ["100", "2"]], told


def a_margin_is_how_far_the_must_is_met():
    row = goals.judge(RATIO, arms("ns", esxmem=[1], ksm_plain=[8]))
    assert drawing.margin_of(row) == 2.0, row


def run_oracle_test():
    """The oracle is the worker's, in C."""
    with tempfile.TemporaryDirectory() as scratch:
        program = pathlib.Path(scratch) / "oracle_test"
        sources = [HERE / "native" / name for name in ("oracle_test.c", "oracle.c", "contents.c")]
        subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-O1",
                        "-fsanitize=address,undefined", "-o", program, *sources], check=True)
        return subprocess.run([program], stdout=subprocess.PIPE, text=True,
                              check=False).stdout.splitlines()


TESTS = [function for name, function in list(globals().items())
         if callable(function) and getattr(function, "__module__", "") == "__main__"
         and function.__doc__ is None]


def main():
    """Entry point."""
    failed, number = 0, 0
    print("TAP version 13")
    for test in TESTS:
        number += 1
        verdict = "ok"
        try:
            test()
        except Exception as error:                      # pylint: disable=broad-except
            verdict = "not ok"
            print(f"# {type(error).__name__}: {error}")
        failed += verdict != "ok"
        print(f"{verdict} {number} - {test.__name__.replace('_', ' ')}")
    oracle = run_oracle_test()
    for line in oracle or ["not ok - the oracle's test printed nothing"]:
        number += 1
        failed += line.startswith("not ok")
        print(f"{line.split(' ', 2)[0] if line.startswith('ok') else 'not ok'} {number} - "
              f"{line.partition(' - ')[2]}")
    print(f"1..{number}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
