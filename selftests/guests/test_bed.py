#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the guests' bed that need no guest.  Prints TAP."""

import sys

sys.dont_write_bytecode = True

import flags                                            # noqa: E402
import tap                                              # noqa: E402
from tap import check, check_equal                      # noqa: E402

DEATH = """\
[    9.344726] Oops: general protection fault: 0000 [#1] PREEMPT NOPTI
[    9.344726] RIP: 0010:_raw_spin_lock_irqsave+0xa/0x50
[    9.344726] RSP: {where} EFLAGS: {flags}
[    9.344726] RAX: 0000000000000000 RBX: 0000000000000cc0 RCX: 0000000000000cc0
[    9.344726] Kernel panic - not syncing: Fatal exception in interrupt
"""
STACKS = ("ffffffff92e03d70", "0018:ffffffff92e03d70", "0000:ffffffff92e03d70")


def test_possible_flags_are_the_guests_own():
    """Whatever a processor may have, a guest that dies of it has died."""
    for number in ("00000002", "00010246", "00010082", "00250ed7", "003d7fd7"):
        for where in STACKS:
            check_equal(flags.impossible(DEATH.format(where=where, flags=number)),
                        None, f"{number} on {where}")


def test_impossible_flags_are_the_emulations():
    """Reserved bits, and virtual 8086 mode in long mode."""
    for number in ("0102a222", "00008202", "00020202", "00400202", "80000202",
                   "0000020a", "00000222"):
        for where in STACKS:
            check_equal(flags.impossible(DEATH.format(where=where, flags=number)),
                        int(number, 16), f"{number} on {where}")


def test_other_lines_tell_nothing():
    """Only the registers of a kernel do, the first that are impossible."""
    check_equal(flags.impossible(""), None, "nothing said")
    check_equal(flags.impossible("EFLAGS: 0102a222\nR10: 000000000102a222\n"),
                None, "no registers")
    both = "".join(DEATH.format(where=STACKS[0], flags=number)
                   for number in ("00010246", "00028246"))
    check_equal(flags.impossible(both), 0x28246, "the second dump")


def test_what_broke_once_is_run_again():
    """A bed that breaks twice is a failure, and so is any other exception."""
    def breaks(times, error):
        def test():
            runs.append(1)
            if len(runs) <= times:
                raise error("it broke")
        return test

    for times, error, wanted in ((0, tap.BedFailure, 1), (1, tap.BedFailure, 2)):
        runs = []
        tap.twice(breaks(times, error))
        check_equal(len(runs), wanted, f"runs when it breaks {times} times")
    for times, error, wanted in ((2, tap.BedFailure, 2), (1, tap.Failure, 1),
                                 (1, OSError, 1)):
        runs = []
        try:
            tap.twice(breaks(times, error))
        except error:
            check_equal(len(runs), wanted, f"runs when it raises {error.__name__}")
        else:
            check(False, f"{error.__name__} was lost")


if __name__ == "__main__":
    sys.exit(tap.run([value for name, value in list(globals().items())
                      if name.startswith("test_")]))
