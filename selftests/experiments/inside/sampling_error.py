# SPDX-License-Identifier: GPL-2.0
"""Sampling against the truth, in points of the VM's size.

The machine has no system, so every access is known.  In each period it reads
the first pages of its memory; afterwards the accessed bits of all pages are
counted: that is the truth that the sample is compared with.
"""

from holder import Hold
import host
import knobs
from knobs import ESXMEM
import sampler
import statistic

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
SAMPLES = (100, 400)
METHODS = ("young", "unmap")
LARGE = 512


def measure(request):
    """Return the cell's figures."""
    mib, periods = request.size((32, 80), (16, 20))
    lists = {}
    result = request.measure_arms({
        "esxmem": lambda: small_pages(mib, periods, request, lists),
        "large_pages": lambda: large_pages(mib, max(20, periods // 10), request),
    }, 1, notes=[
        f"a machine of {mib} MiB, {periods} periods for each method, number of samples and "
        f"of {len(SHARES)} sizes of the working set: "
        + ", ".join(f"{share:.0%}" for share in SHARES),
        "where half of the memory is in use theory says 9.8 points with 100 samples and 4.9 "
        "with 400 (1.96 standard errors)"])
    large = result["arms"]["large_pages"][0]
    result["notes"].append(
        f"large_pages, for which there is no goal: the same memory in 2 MB frames, "
        f"{large['truth']:.1f} % of each read: young says {large['young_says']:.0f} %, for "
        f"{large['young_coarse']:.0f} points of which only their 2 MB are known; unmap "
        f"{large['unmap_says']:.0f} % and {large['unmap_coarse']:.0f}")
    return {**result, "data": {"errors": lists}}


def small_pages(mib, periods, request, lists):
    """All methods, numbers of samples and sizes; return the figures."""
    figures = {}
    with sampler.settings(), sampler.bare_machine(mib, request.seed) as hold:
        for method in METHODS:
            for nr in SAMPLES:
                request.say(f"{nr} samples by {method}")
                with sampler.settings(method=method, pages=nr):
                    by_share = {share: series(hold, method, nr, share, periods)
                                for share in SHARES}
                lists.update({f"{method} {nr} {share}": [row[0] for row in rows]
                              for share, rows in by_share.items()})
                figures.update(figures_of(f"{method}_{nr}", by_share))
    return {**figures, "bias": max(abs(figures[f"{method}_{nr}_bias"]) for method in METHODS
                                   for nr in SAMPLES)}


def figures_of(arm, by_share):
    """Return the figures of an arm, by their names: see small_pages()."""
    errors = [row[0] for rows in by_share.values() for row in rows]
    seen = [row[1] for rows in by_share.values() for row in rows]
    return {f"{arm}_error": statistic.error_at(errors, 0.95),
            f"{arm}_bias": sum(errors) / len(errors),
            # Of what was accessed, how much the bits of all pages show.
            f"{arm}_seen": min(seen),
            **{f"{arm}_error_at_{share * 100:.0f}":
               statistic.error_at([row[0] for row in rows], 0.95)
               for share, rows in by_share.items()}}


def series(hold, method, nr, share, periods):
    """Return (error in points, share of the accesses seen) of each period."""
    return [one_period(hold, method, nr, round(share * hold.pages)) for _ in range(periods)]


def one_period(hold, method, nr, pages):
    """Have the machine read @pages pages in a period; return the same."""
    vm = host.Vm(Hold.NAME)
    sampler.step("begin")
    sampler.clear_young()
    hold.do(f"touch {pages}")
    truth = sampler.young_pages(hold.pid)
    sampler.step("end")
    sampled, touched = sampler.period(vm)
    used = knobs.read(ESXMEM / "vms" / Hold.NAME / "sample_method")
    if sampled != nr or used != method:
        raise sampler.Wrong(f"{sampled} pages were sampled by {used}")
    return statistic.points(touched, sampled, truth, hold.pages), truth / pages


def large_pages(mib, periods, request):
    """An eighth of each 2 MB in use; return what the sampler makes of it."""
    figures = {}
    with sampler.settings("always", pages=100), \
            sampler.bare_machine(mib, request.seed) as hold:
        if hold.large_pages() != hold.pages // LARGE:
            raise sampler.Wrong("no large pages were to be had")
        for method in METHODS:
            with sampler.settings("always", method=method):
                rows = [one_large_period(hold) for _ in range(periods)]
            figures[f"{method}_says"] = sum(row[0] for row in rows) / periods
            figures[f"{method}_coarse"] = sum(row[1] for row in rows) / periods
    return {**figures, "truth": 100 / 8}


def one_large_period(hold):
    """Return what a period says, in points, and for what part only 2 MB are known."""
    vm = host.Vm(Hold.NAME)
    sampler.step("begin")
    for first in range(0, hold.pages, LARGE):
        hold.do(f"touch {LARGE // 8} {first}")
    sampler.step("end")
    sampled, touched = sampler.period(vm)
    return 100 * touched / sampled, 100 * vm.get("touched_coarse_pages") / sampled
