# SPDX-License-Identifier: GPL-2.0
"""How much CPU a scanner takes until it saves most of what two guests can save.

The guests stand still while a scanner works, so that the oracle's answer holds.
Then they go on, check all they hold, write, and what merging the new
duplicates costs in invalidations is counted.
"""

import contextlib
import time

import bed
import free_memory
import guest as guests
from holder import check_audit
import host
import invalidations
import knobs
from knobs import ESXMEM, THP
import machines
import oracle
import scanners

MOST = 0.9
# A scanner that has not got there by then never will.
PASSES = 20
LATE_PASSES = 3
NAP_S = 0.05
NAMES = ("one", "two")


KINDS = {"esxmem": (scanners.Esxmem("always"), "esxmem"),
         "ksm_plain": (scanners.Ksm(False), "ksm"),
         "ksm_smart": (scanners.Ksm(True), "ksm")}


def measure(request, prepare, repetitions, notes, names=tuple(KINDS)):
    """Return the figures; @prepare(guests) gives what check()s them later."""
    say = request.say
    curves = {arm: [] for arm in names}
    arms = {arm: lambda arm=arm: one(*KINDS[arm], prepare, curves[arm], say)
            for arm in names}
    with knobs.held({THP / "enabled": "always", ESXMEM / "large_pages": "always",
                     ESXMEM / "share/run": 0}):
        result = request.measure_arms(arms, repetitions, notes=notes)
    first = {arm: figures[0] for arm, figures in result["arms"].items()}
    return {**result, "data": {"curves": curves},
            "oracle": {arm: figures["oracle_pages"] for arm, figures in first.items()}}


def one(scanner, kind, prepare, curves, say):
    """Boot two guests and let @scanner at them; return the figures."""
    free_memory.settle()
    with contextlib.ExitStack() as stack:
        pair = [stack.enter_context(machines.machine(kind, name=name)) for name in NAMES]
        if kind == "esxmem":
            for name in NAMES:
                host.Vm(name).set("group", bed.GROUP)
        guests.wait_all_ready(pair)
        say("the guests have booted")
        prepared = prepare(pair)
        stack.enter_context(scanner.ready())
        with standing_still(pair):
            say("asking the oracle")
            found = oracle.look(guest.process.pid for guest in pair)
            say("the scanner is let at the guests")
            figures, curve = converge(scanner, found)
        curves.append(curve)
        prepared.check("after sharing")
        say("the guests write")
        figures.update(late(scanner, pair, prepared))
    check_audit()
    return figures


@contextlib.contextmanager
def standing_still(pair):
    """Have the guests stopped in the body."""
    for guest in pair:
        guest.qmp("stop")
    try:
        yield
    finally:
        for guest in pair:
            guest.qmp("cont")


def converge(scanner, found):
    """Let the scanner save what can be saved; return the figures and the curve."""
    goal = MOST * found.can_save()
    last = scanner.passes() + PASSES
    first_cpu = scanner.cpu_ns()
    curve, begun = [], time.monotonic()
    scanner.mark()
    with scanner.running():
        while scanner.passes() <= last and (not curve or curve[-1][1] < goal):
            time.sleep(NAP_S)
            curve.append((scanner.cpu_ns() - first_cpu, scanner.saved_pages()))
    cpu_ns, saved = curve[-1]
    return {"cpu_ns": cpu_ns if saved >= goal else None,
            "passes": PASSES + scanner.passes() - last,
            "seconds": time.monotonic() - begun,
            "oracle_pages": found.can_save(), "saved_pages": saved,
            "saved_share": saved / found.can_save(),
            "pages": found.pages, "zero_pages": found.zero_pages}, curve


def late(scanner, pair, prepared):
    """Have the guests write; return what merging what they wrote costs."""
    prepared.write(1)
    with standing_still(pair):
        scanner.scan(1)
    prepared.write(2)
    with standing_still(pair):
        figures = invalidations.cost_of(scanner, LATE_PASSES)
    prepared.check("after writing and sharing")
    return {f"late_{name}": value for name, value in figures.items()}
