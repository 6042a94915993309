# SPDX-License-Identifier: GPL-2.0
"""What is saved per large page broken, where some are worth more than others.

Of each 2 MB 1, 2, 4 .. 256 pages are alike.  esxmem looks at all of it while
memory is plentiful and is then told that memory is short; KSM knows no
difference.  Both are compared when half of what can be saved is saved.
"""

import time

import free_memory
from holder import Hold, check_audit
import knobs
from knobs import ESXMEM
import scanners

SLOPES = 9
SETS = 8
PASSES = 6
NAP_S = 0.01
PRESSURE = ESXMEM / "share/pressure_percent"
PAGE = 4096


def measure(request):
    """Return the cell's figures."""
    sets = request.size(SETS, 2)
    mib = sets * SLOPES * 2
    half = can_save(sets) / 2
    arms = {"esxmem": lambda: esxmem(mib, request.seed, half),
            "ksm_plain": lambda: ksm(mib, request.seed, half)}
    result = request.measure_arms(arms, 2, oracle={"can_save": can_save(sets)}, notes=[
        f"{mib} MiB in 2 MB pages; shortage of memory is simulated by pressure_percent"])
    check_audit()
    return result


def can_save(sets):
    """Return how many pages are one too many.

    As many contents are kept as the densest have pages alike.
    """
    return sets * (2 ** SLOPES - 1) - 2 ** (SLOPES - 1)


def ksm(mib, seed, wanted):
    """Let KSM break what it likes."""
    free_memory.settle()
    scanner = scanners.Ksm(smart=False)
    with Hold("thp", "slopes", mib, seed) as hold, scanner.ready():
        return watch(scanner, hold, wanted)


def esxmem(mib, seed, wanted):
    """Let esxmem look, and then break what is worth it."""
    if not PRESSURE.exists():
        return {"huge_broken": None, "bytes_per_broken_at_half": None}
    free_memory.settle()
    scanner = scanners.Esxmem("pressure")
    with knobs.held({PRESSURE: 0}), Hold("file", "slopes", mib, seed) as hold, \
            scanner.ready():
        before = hold.large_pages()
        scanner.scan(PASSES)
        figures = {"broken_at_rest": before - hold.large_pages(),
                   "shareable_bytes": knobs.number(ESXMEM / "share/shareable_bytes"),
                   "shareable_large_pages":
                       knobs.number(ESXMEM / "share/shareable_large_pages")}
        knobs.write(PRESSURE, 100)
        figures.update(watch(scanner, hold, wanted))
    return figures


def watch(scanner, hold, wanted):
    """Let the scanner run; return the figures when @wanted is saved and last."""
    before = hold.large_pages()
    last = scanner.passes() + PASSES
    half = None
    with scanner.running():
        while scanner.passes() <= last:
            now = look(scanner, hold, before)
            if not half and now[1] >= wanted:
                half = now
            time.sleep(NAP_S)
    now = look(scanner, hold, before)
    hold.check()
    return {"huge_before": before, "huge_broken": now[0], "saved_bytes": now[1] * PAGE,
            "bytes_per_broken": per_broken(now),
            "huge_broken_at_half": half and half[0],
            "bytes_per_broken_at_half": half and per_broken(half)}


def look(scanner, hold, before):
    """Return how many large pages are broken and how many pages saved."""
    return before - hold.large_pages(), scanner.spared_pages()


def per_broken(look_at):
    """Return what a large page broken has saved, in bytes."""
    broken, saved = look_at
    return saved * PAGE / broken if broken else None
