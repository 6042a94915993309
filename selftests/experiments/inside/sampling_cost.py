# SPDX-License-Identifier: GPL-2.0
"""What a sampling period costs: the host in time, the guest in faults.

On a host whose clock counts instructions: one is one nanosecond.  A period is
begun, looked at as often as the sampler does, and ended, by writes to its debug
file; a look where no period is under way is timed too, and taken off.
"""

import statistics
import time

from holder import Hold
import host
import sampler

SAMPLES = 100
# As the sampler does of itself: LOOKS in esxmem/tax/sample.c; the last one ends it.
LOOKS = 6
METHODS = ("young", "unmap")


def measure(request):
    """Return the cell's figures."""
    sizes = request.size((64, 192, 512), (8, 16))
    periods = request.size(9, 3)
    tables = {}
    result = request.measure_arms(
        {"esxmem": lambda: all_sizes(sizes, periods, request, tables)}, 1, notes=[
            f"machines of {', '.join(map(str, sizes))} MiB in 4 KB pages, half of them read in "
            f"each of {periods} periods of {SAMPLES} samples; a period is a begin, "
            f"{LOOKS - 1} looks and an end; in instructions, of which one counts as one "
            "nanosecond; medians",
            "the full scan clears the accessed bits of all pages once and counts them once"])
    found = result["arms"]["esxmem"][0]
    result["notes"].append(
        f"1 ms is kept by every processor that gets through {found['young_period_us']:,.0f} "
        f"million such instructions in a second; at a thousand million, which is little, a "
        f"period takes {found['young_period_us'] / 1000:.2f} ms")
    result["notes"].append(
        f"a full scan of {sizes[-1]} MiB takes {found['scan_us']:,.0f} thousand instructions, "
        f"{found['scan_growth']:.1f} times that of {sizes[0]} MiB; a period by unmap takes "
        f"{found['unmap_period_us']:,.0f} thousand and costs the guest "
        f"{found['unmap_faults']:.0f} faults")
    return {**result, "data": {"cost": tables}}


def all_sizes(sizes, periods, request, tables):
    """Measure machines of all @sizes; return the figures."""
    for mib in sizes:
        request.say(f"a machine of {mib} MiB")
        with sampler.settings(pages=SAMPLES), sampler.bare_machine(mib, request.seed) as hold:
            tables[mib] = one_size(hold, periods)
    return figures_of(tables)


def figures_of(tables):
    """Return the figures from {MiB: what a machine of that size takes}."""
    least, most = tables[min(tables)], tables[max(tables)]
    return {**{f"{method}_period_us":
               max(table[f"{method}_period_ns"] for table in tables.values()) / 1000
               for method in METHODS},
            "growth": most["young_period_ns"] / least["young_period_ns"],
            "scan_growth": most["scan_ns"] / least["scan_ns"],
            "scan_us": most["scan_ns"] / 1000,
            **{f"{method}_faults": max(table[f"{method}_faults"] for table in tables.values())
               for method in METHODS}}


def one_size(hold, periods):
    """Return what periods of a machine take, by both methods, and full scans."""
    table = {"pages": hold.pages}
    half = f"touch {hold.pages // 2}"
    for method in METHODS:
        with sampler.settings(method=method, pages=SAMPLES):
            one_period(hold, half)                      # what is allocated once
            before = faults()
            rows = [one_period(hold, half) for _ in range(periods)]
            table[f"{method}_faults"] = (faults() - before) / periods
        table[f"{method}_period_ns"] = statistics.median(map(sum, rows))
        for number, part in enumerate(("begin", "looks", "end")):
            table[f"{method}_{part}_ns"] = statistics.median(row[number] for row in rows)
    scans = [full_scan(hold, half) for _ in range(3)]
    table["scan_ns"] = statistics.median(scans)
    return table


def faults():
    """Return how many faults the machine and its VMM have taken."""
    vm = host.Vm(Hold.NAME)
    return vm.get("ept_violations") + vm.get("vmm_faults")


def one_period(hold, half):
    """Return what beginning, looking at and ending a period take."""
    idle = timed(lambda: sampler.step("look"))
    begin = timed(lambda: sampler.step("begin")) - idle
    hold.do(half)
    looks = sum(timed(lambda: sampler.step("look")) - idle for _ in range(LOOKS - 1))
    end = timed(lambda: sampler.step("end")) - idle
    if not sampler.period(host.Vm(Hold.NAME))[1]:
        raise sampler.Wrong("nothing was touched")
    return begin, looks, end


def full_scan(hold, half):
    """Return what clearing and counting the accessed bits of all pages takes."""
    clear = timed(sampler.clear_young)
    hold.do(half)
    return clear + timed(lambda: sampler.young_pages(hold.pid))


def timed(function):
    """Return how many nanoseconds a function takes."""
    start = time.perf_counter_ns()
    function()
    return time.perf_counter_ns() - start
