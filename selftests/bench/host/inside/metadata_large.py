# SPDX-License-Identifier: GPL-2.0
"""What esxmem keeps per page of large pages that it has hashed, and not broken.

All pages are unique, so nothing is shared.  From slab and vmalloc figures,
the bytes of the file's own map and of the share table together.
"""

import knobs
from knobs import ESXMEM
from holder import Hold, check_audit
import kernel_memory
import scanners

PASSES = 2


def measure(request):
    """Return the cell's figures."""
    mib = request.size(512, 128)
    result = request.measure_arms(
        {"esxmem": lambda: hash_all(mib, request.seed)}, 3, notes=[
            f"{mib} MiB in 2 MB pages, no two pages alike, {PASSES} passes"])
    check_audit()
    return result


def hash_all(mib, seed):
    """Hash the parts of all large pages; return what remembering them takes."""
    scanner = scanners.Esxmem()
    before = kernel_memory.settled()
    with Hold("file", "unique", mib, seed) as hold, scanner.ready():
        made = kernel_memory.settled()
        large = hold.large_pages()
        scanner.scan(PASSES)
        after = kernel_memory.settled()
        figures = {"pages": hold.pages, "huge_before": large,
                   "huge_after": hold.large_pages(),
                   "hashed_pages": hashed_pages(),
                   "bytes_made": sum(kernel_memory.growth(before, made).values()),
                   "bytes_hashed": sum(kernel_memory.growth(made, after).values())}
        hold.check()
    total = figures["bytes_made"] + figures["bytes_hashed"]
    # Of large pages that are broken this cell has nothing to say.
    kept = figures["huge_after"] == figures["huge_before"] == mib // 2
    return {**figures, "bytes_per_page": total / hold.pages if kept else None,
            **{f"{name}_bytes": grown for name, grown in
               kernel_memory.growth(before, after).items() if grown}}


def hashed_pages():
    """Return how many pages were ever hashed, where the kernel says so."""
    path = ESXMEM / "share/hashed_pages"
    return knobs.number(path) if path.exists() else None
