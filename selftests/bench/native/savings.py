# SPDX-License-Identifier: GPL-2.0
"""What it costs to find what two guests have in common."""

from bench.cells import CellError
from bench.native import boot
from bench.native.memory import HOLDER_PAGES

TUNED = ("ksm_smart", "ksm_plain", "esxmem")
SHARE_OF_ORACLE = 0.9
LIMIT_MS = 120000


def fill_guests(memory, pages, common, zero, seed):
    """Two guests: the common pages lie elsewhere in the second."""
    guests = [memory.add(pages, f"vm{guest}") for guest in range(2)]
    pool = HOLDER_PAGES * common // 100
    for guest, holders in enumerate(guests):
        for at, (number, size) in enumerate(holders):
            base = seed + (at + guest) % len(holders) * pool
            own = seed + (1 + guest) * (1 << 32) + at * HOLDER_PAGES
            memory.tell(number, f"mix {seed + number} {common} {zero} {base} "
                                f"{pool * size // HOLDER_PAGES} {own}")
    memory.arm.group([f"vm{guest}" for guest in range(2)])


def one(image, name, pages, common, zero, options):
    """One repetition."""
    with boot.booted(image, name, 2 * pages, options.verbose) as (arm, memory):
        fill_guests(memory, pages, common, zero, options.seed)
        oracle = memory.oracle()
        target = int(oracle["saved"] * SHARE_OF_ORACLE)
        cpu, reached = arm.run_until_saved(target, LIMIT_MS)
        saved = arm.saved()
        memory.check()
    if name == "esxmem" and not reached:
        raise CellError(f"esxmem saved {saved} of {oracle['saved']} frames in {LIMIT_MS} ms")
    return {"cpu_ns": cpu if reached else None, "spent_ns": cpu, "reached": int(reached),
            "saved": saved, "target": target, **{f"oracle_{k}": v for k, v in oracle.items()}}


def cell(options, common, zero, repetitions, notes):
    """What runs the cell for one likeness of the guests."""
    pages = HOLDER_PAGES if options.quick else 4 * HOLDER_PAGES

    def run(progress):
        result = boot.each_arm(
            TUNED, options.repetitions or (1 if options.quick else repetitions), progress,
            lambda image, name: one(image, name, pages, common, zero, options))
        first = result["arms"]["esxmem"][0]
        oracle = {k[7:]: v for k, v in first.items() if k.startswith("oracle_")}
        return dict(result, seeds={"contents": options.seed}, oracle=oracle, notes=notes)
    return run


def like(options):
    """Two guests of one image."""
    return cell(options, 60, 15, 5, [
        "Of each guest's pages 60 % are common and lie elsewhere in the other, 15 % are zero."])


def unlike(options):
    """Two guests with little in common, as most have."""
    return cell(options, 8, 4, 2, [
        "Of each guest's pages 8 % are common, 4 % are zero: no goal, but the usual case."])
