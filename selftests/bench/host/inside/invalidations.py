# SPDX-License-Identifier: GPL-2.0
"""Notifier ranges and TLB flushes per merged page of a virtual machine.

Counted at the functions that announce a range to KVM and that flush, in the
scanner's own threads; a call that flushes nothing, since no other processor
has the page, counts like one that does.
"""

from counts import Calls, Event, Probe
from holder import Hold, check_audit
import knobs
from knobs import ESXMEM
import scanners

RANGES = ("__mmu_notifier_invalidate_range_start",)
FLUSHES = ("flush_tlb_mm_range", "arch_tlbbatch_flush")
# What KVM makes of the ranges: shown, not part of the goal.
KVM = ("kvm_flush_remote_tlbs", "kvm_flush_remote_tlbs_range")
# A page that KSM merged, with one of its own or with another: two events.
MERGES = ("ksm_merge_one_page", "ksm_merge_with_ksm_page")
PASSES = 4


def measure(request):
    """Return the cell's figures."""
    mib = request.size(64, 16)
    peers = {"ksm_smart": scanners.Ksm(True), "ksm_plain": scanners.Ksm(False)}
    arms = {"esxmem": lambda: merge(scanners.Esxmem(), "file", mib, request.seed),
            **{name: lambda scanner=scanner: merge(scanner, "small", mib, request.seed)
               for name, scanner in peers.items()}}
    with knobs.held({ESXMEM / "large_pages": "never"}):
        result = request.measure_arms(arms, 2, notes=[
            f"{mib} MiB in 4 KB pages, all in pairs, mapped by a process and by its "
            "virtual machine"])
    check_audit()
    return result


def merge(scanner, memory, mib, seed):
    """Have @scanner merge the set; return what it cost."""
    with Hold(memory, "pairs", mib, seed) as hold, scanner.ready():
        hold.do("machine")
        figures = cost_of(scanner, PASSES)
        if figures["merged_pages"] != hold.pages:
            raise RuntimeError(f"{figures['merged_pages']} of {hold.pages} pages merged")
        hold.check()
    return figures


def cost_of(scanner, passes):
    """Have @scanner make passes; return what it cost to merge what it merged."""
    merged = merged_by_esxmem()
    with Calls([*(Probe(name) for name in RANGES + FLUSHES + KVM),
                *(Event(f"ksm/{name}", "err == 0") for name in MERGES)]) as calls:
        scanner.scan(passes)
        counted = calls.of(scanner.threads())
    merged = merged_by_esxmem() - merged + sum(counted[name] for name in MERGES)
    return cost(counted, merged)


def merged_by_esxmem():
    """Return how many pages esxmem has ever merged, with others or with zeros."""
    return sum(knobs.number(ESXMEM / "share" / name)
               for name in ("merged_pages", "zero_merged_pages"))


def cost(calls, merged):
    """Return the figures for @calls that merged so many pages."""
    ranges = sum(calls[name] for name in RANGES)
    flushes = sum(calls[name] for name in FLUSHES)
    return {"merged_pages": merged, "ranges": ranges, "flushes": flushes,
            "kvm_flushes": sum(calls[name] for name in KVM),
            "per_merged_page": (ranges + flushes) / merged if merged else None}
