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
import oracle                                           # noqa: E402
import pairs_of_guests                                  # noqa: E402
import request                                          # noqa: E402
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


def a_chase_ends_where_it_began():
    done = subprocess.run([guest_memory.PROGRAM, "4"], input="psspc", text=True,
                          stdout=subprocess.PIPE, check=True)
    first, *streams, last, sound = (json.loads(line) for line in done.stdout.splitlines())
    assert first == last == {"lines": 6 * (4 << 20) // 64, "closed": 1}, first
    assert streams == [{"lines": 100 * (4 << 20) // 64}] * 2, streams
    assert sound == {"sound": 1}


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


def ratios_are_to_the_guest_beside():
    pairs = {"esxmem": [{"esxmem": {"chase_per_second": ours}, "thp": {"chase_per_second": peer}}
                        for ours, peer in ((10, 20), (20, 10), (9, 9))]}
    found = guest_memory.ratios(pairs)["esxmem chase_per_second"]
    assert found == {"median": 1.0, "each": [0.5, 2.0, 1.0]}, found


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


TESTS = [test for name, test in sorted(globals().items())
         if callable(test) and getattr(test, "__module__", "") == "__main__"
         and name not in ("holding", "main")]


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
