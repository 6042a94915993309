# SPDX-License-Identifier: GPL-2.0
"""Runs test functions and reports in TAP."""

import traceback


class Failure(AssertionError):
    """A test found something wrong."""


class BedFailure(Exception):
    """What the test runs on broke, not what it tests: to be run once more."""


def check(condition, text):
    """Fail the test unless @condition holds."""
    if not condition:
        raise Failure(text)


def check_equal(found, wanted, what):
    """Fail the test unless @found is @wanted."""
    check(found == wanted, f"{what}: {found!r}, expected {wanted!r}")


def note(text):
    """Print a comment."""
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def run(tests):
    """Run @tests; return 0 if all passed, else 1."""
    print(f"TAP version 13\n1..{len(tests)}", flush=True)
    results = [run_one(nr, test) for nr, test in enumerate(tests, start=1)]
    note(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


def twice(test):
    """Run a test, once more if what it runs on broke; a second time is a failure."""
    try:
        test()
    except BedFailure as failure:
        note(failure)
        note("the test is run once more")
        test()


def run_one(nr, test):
    """Run one test; say how it went."""
    name = test.__name__.removeprefix("test_")
    try:
        twice(test)
    except Failure as failure:
        note(failure)
    except Exception:           # a test that breaks has failed
        note(traceback.format_exc())
    else:
        print(f"ok {nr} {name}", flush=True)
        return True
    print(f"not ok {nr} {name}", flush=True)
    return False
