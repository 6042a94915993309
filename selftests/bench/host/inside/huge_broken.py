# SPDX-License-Identifier: GPL-2.0
"""Large pages broken for the sake of one duplicate page in each."""

import free_memory
from holder import Hold, check_audit
import scanners

PASSES = 4


def measure(request):
    """Return the cell's figures."""
    mib = request.size(128, 32)
    peers = {name: scanners.Ksm(smart) for name, smart in
             (("ksm_smart", True), ("ksm_plain", False))}
    arms = {"esxmem": lambda: scan(scanners.Esxmem(), "file", mib, request.seed),
            **{name: lambda scanner=scanner: scan(scanner, "thp", mib, request.seed)
               for name, scanner in peers.items()}}
    result = request.measure_arms(arms, 2, notes=[
        f"{mib} MiB in 2 MB pages, one 4 KB page of each alike, {PASSES} passes, "
        "memory is plentiful"])
    check_audit()
    return result


def scan(scanner, memory, mib, seed):
    """Let @scanner make its passes over the set; return what became of it."""
    free_memory.settle()
    with Hold(memory, "sparse", mib, seed) as hold, scanner.ready():
        before = hold.large_pages()
        if before != mib // 2:
            raise RuntimeError(f"{before} of {mib // 2} large pages are to be had")
        scanner.scan(PASSES)
        after = hold.large_pages()
        saved = scanner.spared_pages()
        hold.check()
    return {"huge_before": before, "huge_after": after, "huge_broken": before - after,
            "saved_bytes": saved * 4096}
