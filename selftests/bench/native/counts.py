# SPDX-License-Identifier: GPL-2.0
"""Copies kept of one content, and pages shared again and again in vain."""

from bench.native import boot
from bench.native.memory import RANDOM

TUNED = ("ksm_smart", "ksm_plain", "esxmem")
# Of the values that a page is given by lot.
POOL = 4
PASSES = 20
QUICK_PASSES = 5


def copies_of_one(image, name, pages, options):
    """One repetition."""
    with boot.booted(image, name, pages, options.verbose) as (arm, memory):
        memory.fill(memory.add(pages), RANDOM, options.seed, 1)
        for _ in range(3):
            arm.one_pass()
        row = {"pages": pages, "copies": arm.copies(), "found": arm.found()}
        memory.check()
    return row


def copies(options):
    """One content in 65,536 places."""
    pages = 16 * 1024 if options.quick else 64 * 1024

    def run(progress):
        result = boot.each_arm(TUNED, options.repetitions or 1, progress,
                               lambda image, name: copies_of_one(image, name, pages, options))
        return dict(result, seeds={"contents": options.seed}, notes=[
            "KSM keeps a copy for each max_page_sharing places, 256 by default and here."])
    return run


def same_again(memory, holder, pages, _round, _seed):
    """Write the contents that the pages have."""
    memory.tell(holder, f"rewrite 0 {pages}")


def by_lot(memory, holder, pages, number, seed):
    """Give each page one of a few contents."""
    memory.tell(holder, f"draw 0 {pages} {seed + number} {seed} {POOL}")


def passes_of(options):
    """How many passes the set is watched for."""
    return QUICK_PASSES if options.quick else PASSES


def cycles(image, name, write, pages, options):
    """How often pages were shared in vain."""
    with boot.booted(image, name, pages, options.verbose) as (arm, memory):
        holders = memory.add(pages)
        memory.fill(holders, RANDOM, options.seed, pages // 2)
        before = arm.breaks()
        for number in range(passes_of(options)):
            arm.one_pass()
            write(memory, holders[0][0], pages, number, options.seed)
        broken = arm.breaks() - before
        memory.check()
    return broken


def thrash(options):
    """A set of pages each written between any two passes."""
    pages = 1024

    def measure(image, name):
        same = cycles(image, name, same_again, pages, options)
        lot = cycles(image, name, by_lot, pages, options)
        return {"cycles": same + lot, "cycles_same": same, "cycles_lot": lot,
                "pages": pages, "passes": passes_of(options)}

    def run(progress):
        result = boot.each_arm(TUNED, options.repetitions or (1 if options.quick else 2),
                               progress, measure)
        return dict(result, seeds={"contents": options.seed}, notes=[
            f"{pages} pages over {passes_of(options)} passes, written between passes: with what they hold, "
            f"and in another boot with one of {POOL} contents by lot.  Counted are writes to "
            "shared pages: cow_ksm of vmstat, share/cow_breaks.  The sum of both is compared."])
    return run
