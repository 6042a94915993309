#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what the host bed counts and computes; needs no virtual host.

Makes the programs first.  Prints TAP.
"""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[0] = str(HERE / "inside")
sys.path += [str(HERE.parents[1]), str(HERE.parents[1] / "guests")]

import counts                                           # noqa: E402
import guest_memory                                     # noqa: E402
import huge_density                                     # noqa: E402
import invalidations                                    # noqa: E402
import knobs                                            # noqa: E402
import numa                                             # noqa: E402
import oracle                                           # noqa: E402
import pairs_of_guests                                  # noqa: E402
import request                                          # noqa: E402
from bench import goals                                 # noqa: E402
import bench.host                                       # noqa: E402
from holder import Hold                                 # noqa: E402

HISTOGRAM = """# event histogram
{ common_pid:        178 } hitcount:          9
{ common_pid:        186 } hitcount:         17
"""


def holding(contents, mib=32):
    """What the oracle says of a process that holds a data set."""
    with Hold("small", contents, mib, seed=7) as hold:
        return oracle.look([hold.pid])


def the_oracle_knows_the_twins():
    found = holding("pairs")
    assert (found.pages, found.distinct, found.zero_pages) == (8192, 4096, 0), found
    assert found.can_save() == 4096


def the_oracle_knows_that_unique_pages_are():
    assert holding("unique").can_save() == 0


def the_oracle_adds_processes_up():
    with Hold("small", "unique", 32, seed=7) as one, \
            Hold("small", "unique", 32, seed=7) as two, \
            Hold("small", "unique", 32, seed=8) as other:
        assert oracle.look([one.pid, two.pid]).can_save() == 8192
        assert oracle.look([one.pid, other.pid]).can_save() == 0


def one_page_of_each_large_one_is_alike():
    found = holding("sparse")
    assert found.pages - found.distinct == 32 // 2 - 1, found


def slopes_save_what_the_cell_says():
    sets = 2
    mib = sets * huge_density.SLOPES * 2
    assert holding("slopes", mib).can_save() == huge_density.can_save(sets)


def stores_are_expected_by_the_check():
    with Hold("small", "pairs", 4, seed=1) as hold:
        told = hold.do("store")
        assert told["stores"] == 1024 and told["median"] <= told["p99"] <= told["highest"]
        hold.check()


def a_changed_page_is_found():
    with Hold("small", "pairs", 4, seed=1) as hold:
        start, _ = oracle.largest(hold.pid)
        with open(f"/proc/{hold.pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(start + 5 * 4096 + 100)
            memory.write(b"!")
        assert hold.do("check") == {"wrong": 1}


def an_unknown_data_set_is_refused():
    try:
        with Hold("small", "nothing", 4, seed=1):
            raise AssertionError("it was taken")
    except RuntimeError as error:
        assert "nothing is no data set" in str(error), error


def pages_are_touched_by_a_machine_alone():
    try:
        with Hold("small", "pairs", 4, seed=1) as hold:
            hold.do("touch 1")
            raise AssertionError("without a machine")
    except RuntimeError as error:
        assert "there is no machine" in str(error), error


def chase(commands, *arguments):
    """What the program chase answers."""
    done = subprocess.run([guest_memory.PROGRAM, *arguments], input=commands, text=True,
                          stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def work_is_timed_by_node_and_leaves_areas_sound():
    _, *told, sound = chase("p0\ns0\ns1\np1\nc0\n", "2", "2", "-1", "-1", "-1")
    assert [found["lines"] for found in told] == [1024, 8192, 8192, 1024]
    assert sound == {"sound": 1}
    for found in told:
        assert [len(times) for times in found["ns"]] == [768] * 3
        assert all(time > 0 for times in found["ns"] for time in times)


def an_area_that_no_command_goes_through_is_refused():
    done = subprocess.run([guest_memory.PROGRAM, "10", "1", "-1"], input="", check=False)
    assert done.returncode == 2, done


def an_area_that_is_changed_is_unsound():
    with subprocess.Popen([guest_memory.PROGRAM, "2", "2", "-1"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        pid = json.loads(program.stdout.readline())["pid"]
        start = max(start for start, found in numa.mappings(
            pathlib.Path(f"/proc/{pid}/smaps").read_text()).items()
            if found["Size"] >= 4096 and found["Anonymous"] >= 4096)
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(start + (3 << 20) + 8)          # a word of the last MiB or before
            memory.write(b"!")
        said, _ = program.communicate("c0\n")
    assert json.loads(said) == {"sound": 0}, said


def what_is_bound_to_nodes_is_found():
    numa_maps = """00400000 default file=/run/chase mapped=2 N0=2 kernelpagesize_kB=4
7f0000000000 bind:2 anon=1024 dirty=1024 active=0 N1=512 N2=512 kernelpagesize_kB=4
7f0000800000 bind:1 anon=512 dirty=512 active=0 N1=512 kernelpagesize_kB=4
"""
    smaps = """00400000-00401000 r-xp 00000000 00:02 7 /run/chase
Size:                  4 kB
AnonHugePages:         0 kB
VmFlags: rd ex
7f0000000000-7f0000400000 rw-p 00000000 00:00 0
Size:               4096 kB
AnonHugePages:      2048 kB
7f0000800000-7f0000a00000 rw-p 00000000 00:00 0
Size:               2048 kB
AnonHugePages:      2048 kB
"""
    assert numa.bound(numa_maps, smaps) == {2: (2048, 2048), 1: (2048, 2048)}


def turns_are_compared_one_by_one():
    ours, peer, control = guest_memory.by_node(
        {"lines": 100, "ns": [[40, 40, 80], [50, 50, 100], [50, 500, 50]]})
    assert ours == {"per_second": 2.5e9, "per_second_of_all": 300 / 160 * 1e9}, ours
    assert peer == {"per_second": 2e9, "per_second_of_all": 1.5e9}, peer
    assert control == {"per_second": 2e9, "per_second_of_all": 0.5e9}, control


def round_of(ours, peer, control):
    """A round that the cell guest_memory made."""
    def figures(value):
        return {"chase_per_second": value, "stream_per_second": value}
    return {"esxmem": figures(ours), "thp": figures(peer), "thp_control": figures(control)}


def guest_memory_judged(control):
    """The cell's result for rounds of which some are bad for all."""
    made = [round_of(99 * luck, 100 * luck, control * luck) for luck in (1, 2, 3, 1) * 4]
    return guest_memory.judged({"arms": {"plain": made, "scanned": made}, "notes": [],
                                "looks": None})


def ratios_are_of_the_same_round():
    result = guest_memory_judged(control=100)
    found = result["data"]["ratios"]["esxmem chase_per_second"]
    assert (found["median"], found["low"], found["high"]) == (0.99, 0.99, 0.99), found
    row = goals.compare(goals.by_id("guest_memory"), goals.by_id("guest_memory").figures[0],
                        result["arms"])
    assert row["ratio"] == 0.99 and row["met"], row


def a_control_that_is_off_spoils_the_cell():
    guest_memory_judged(control=100.9)
    try:
        guest_memory_judged(control=98.9)
    except RuntimeError as error:
        assert "two nodes of one kind" in str(error), error
    else:
        raise AssertionError("it was believed")


def a_control_that_may_be_one_will_do():
    guest_memory.check_control("wide", {"median": 1.04, "low": 0.97, "high": 1.06, "each": []})


def histograms_are_read_by_thread():
    probe = counts.Probe("f")
    with tempfile.TemporaryDirectory() as directory:
        (pathlib.Path(directory) / "hist").write_text(HISTOGRAM)
        probe._directory = pathlib.Path(directory)      # pylint: disable=protected-access
        assert probe.by_thread() == [(178, 9), (186, 17)]
        assert counts.Calls([probe]).of([186, 5]) == {"f": 17}


def a_merge_costs_ranges_and_flushes():
    calls = dict.fromkeys(invalidations.RANGES + invalidations.FLUSHES
                          + invalidations.KVM, 3)
    assert invalidations.cost(calls, 18)["per_merged_page"] == 0.5
    assert invalidations.cost(calls, 0)["per_merged_page"] is None


def a_choice_is_read_by_its_brackets():
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "knob"
        path.write_text("always [madvise] never\n")
        with knobs.held({path: "never"}):
            assert path.read_text() == "never\n"
        assert path.read_text() == "madvise\n"


def a_scanner_that_does_not_get_there_has_no_figure():
    class Idle:
        """Makes passes and saves nothing."""
        made = 0
        running = contextlib.nullcontext

        def passes(self):
            """Return more each time."""
            self.made += 1
            return self.made

        def mark(self):
            """Nothing."""

        cpu_ns = saved_pages = lambda self: 0

    figures, curve = pairs_of_guests.converge(Idle(), oracle.Found(10, 0, 5))
    assert figures["cpu_ns"] is None and figures["saved_share"] == 0 and curve


def arms_go_there_and_back():
    asked = request.Request(say=lambda text: None)
    result = asked.measure_arms({"a": lambda: {"n": 1}, "b": lambda: {"n": 2}}, 2)
    assert result["order"] == ["a", "b", "b", "a"]
    assert result["arms"] == {"a": [{"n": 1}] * 2, "b": [{"n": 2}] * 2}


def each_cell_has_its_module():
    for row in bench.host.ROWS:
        assert (HERE / "inside" / f"{bench.host.virtual.module_of(row)}.py").exists(), row


HELPERS = ("chase", "guest_memory_judged", "holding", "main", "round_of")
TESTS = [test for name, test in sorted(globals().items())
         if callable(test) and getattr(test, "__module__", "") == "__main__"
         and name not in HELPERS]


def main():
    """Entry point."""
    failed = 0
    subprocess.run(["make", "-s", "-C", HERE], check=True)
    print(f"TAP version 13\n1..{len(TESTS)}")
    for number, test in enumerate(TESTS, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}")
        except Exception:                               # pylint: disable=broad-except
            failed += 1
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()),
                  end="")
            print(f"not ok {number} - {test.__name__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
