# SPDX-License-Identifier: GPL-2.0
"""What is kept in memory for each page that is tracked.

Counted from what the kernel's accounts have grown by since before the
guests' memory was used: empty slots, empty buckets and tables of tables included.
"""

from bench.native import boot
from bench.native import footprint
from bench.native.memory import RANDOM

PASSES = 3


def growth_of(image, name, pages, modulo, options):
    """Bytes that @pages cost, by where they are."""
    with boot.booted(image, name, pages, options.verbose) as (arm, memory):
        holders = memory.add(pages)
        before = footprint.take(arm.worker)
        memory.fill(holders, RANDOM, options.seed, modulo)
        for _ in range(PASSES):
            arm.one_pass()
        after = footprint.take(arm.worker)
        # KSM's frames are in the account of anonymous pages, ours in none.
        frames = (pages - arm.saved()) * 4096 if name == "esxmem" else 0
        memory.check()
    return footprint.growth(before, after, frames)


def one(image, name, options):
    """One repetition: unique pages, and pairs."""
    pages = 32 * 1024 if options.quick else 128 * 1024
    row = {"pages": pages}
    for data, modulo in (("unique", pages), ("pairs", pages // 2)):
        where = growth_of(image, name, pages, modulo, options)
        row[f"bytes_per_page_{data}"] = sum(where.values()) / pages
        row.update({f"{data}: {place}": size for place, size in where.items()})
    row["bytes_per_page"] = max(row["bytes_per_page_unique"], row["bytes_per_page_pairs"])
    return row


def cell(options):
    """What runs the cell."""
    def run(progress):
        result = boot.each_arm(("ksm_plain", "esxmem"), options.repetitions or 1, progress,
                               lambda image, name: one(image, name, options))
        return dict(result, seeds={"contents": options.seed}, notes=[
            "The worse of two sets counts: pages without an equal, and pairs.  Counted are the "
            "caches of either side, xarray nodes, kmalloc, vmalloc and pages that no account of "
            "the kernel names, by what they have grown since before the guests' memory was used."])
    return run
