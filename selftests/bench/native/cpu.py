# SPDX-License-Identifier: GPL-2.0
"""What it costs to look at pages that have no equal, and to look again."""

from bench.native import boot
from bench.native.memory import ALIKE, RANDOM

TUNED = ("ksm_smart", "ksm_plain", "esxmem")
LATER_PASSES = 3
IDLE_S = 5
NOTE = ("KSM cannot merge in its first pass and is given its later ones, in which it hashes "
        "every page and looks it up; esxmem is given its first, in which it does that.")


def per_visit(spent):
    """Nanoseconds for each page that was visited; for each hashed, where that is told.

    The scanner may be a little into the next pass when it is stopped: a page
    passed over there as unchanged is no visit.
    """
    visits_made = spent.get("hashed") or spent["visited"]
    return spent["cpu_ns"] / visits_made if visits_made else None


def row_of(name, first, later):
    """The figures of the first and some later passes."""
    spent = {key: sum(one[key] for one in later) for key in ("cpu_ns", "visited")}
    row = {"ns_first": per_visit(first), "ns_later": per_visit(spent),
           "visited_first": first["visited"], "visited_later": spent["visited"],
           "hashed_first": first.get("hashed"), "first_pass_ns": first["cpu_ns"],
           "later_pass_ns": spent["cpu_ns"] / len(later)}
    row["ns_per_visit"] = row["ns_first" if name == "esxmem" else "ns_later"]
    return row


def visits(image, name, pages, kind, options):
    """One repetition: the first pass, later ones, and one after all was written again."""
    with boot.booted(image, name, pages, options.verbose) as (arm, memory):
        memory.fill(memory.add(pages), kind, options.seed, pages)
        row = row_of(name, arm.one_pass(), [arm.one_pass() for _ in range(LATER_PASSES)])
        memory.rewrite()
        row.update(pages=pages, ns_rewritten=per_visit(arm.one_pass()), found=arm.found())
        memory.check()
    return row


def few_visits(image, name, pages, options):
    """No more than a visit's cost takes: the first pass and two later ones."""
    with boot.booted(image, name, pages, options.verbose) as (arm, memory):
        memory.fill(memory.add(pages), RANDOM, options.seed, pages)
        row = row_of(name, arm.one_pass(), [arm.one_pass() for _ in range(2)])
        memory.check()
    return row["ns_per_visit"]


def cell(options, kind):
    """What runs the cell for one kind of contents."""
    pages = 32 * 1024 if options.quick else 256 * 1024

    def run(progress):
        result = boot.each_arm(
            TUNED, options.repetitions or (1 if options.quick else 2), progress,
            lambda image, name: visits(image, name, pages, kind, options))
        return dict(result, seeds={"contents": options.seed}, notes=[NOTE])
    return run


def unique(options):
    """Pages of random contents: a comparison ends at the first byte."""
    return cell(options, RANDOM)


def alike(options):
    """Pages that differ in the last 8 bytes: a comparison reads all of them."""
    return cell(options, ALIKE)


def growth(options):
    """What a visit costs among many pages, against among few."""
    few, many = (16 * 1024, 64 * 1024) if options.quick else (64 * 1024, 1024 * 1024)
    names = ("ksm_plain", "esxmem")

    def measure(image, name):
        small = few_visits(image, name, few, options)
        large = few_visits(image, name, many, options)
        return {"few": few, "many": many, "ns_few": small, "ns_many": large,
                "growth": large / small}

    def run(progress):
        result = boot.each_arm(names, options.repetitions or 1, progress, measure)
        return dict(result, seeds={"contents": options.seed}, notes=[NOTE])
    return run


def unchanged(options):
    """Passes over memory that nobody has written to since the first."""
    pages = 32 * 1024 if options.quick else 256 * 1024
    passes = 5

    def measure(image, name):
        with boot.booted(image, name, pages, options.verbose) as (arm, memory):
            half = pages // 2
            memory.fill(memory.add(half), RANDOM, options.seed, half)
            memory.fill(memory.add(half), RANDOM, options.seed + half, half // 2)
            first = arm.one_pass()
            arm.one_pass()
            arm.worker.learn_idle(IDLE_S)
            later = arm.one_pass(passes) if name == "esxmem" else arm.one_pass()
            memory.check()
        return {"first_pass_ns": per_visit(first) * pages,
                "pass_ns": later["cpu_ns"] / later.get("passes", 1),
                "visited": later["visited"], "passes": later.get("passes", 1),
                "hashed": later.get("hashed"), "clean": later.get("clean")}

    def run(progress):
        result = boot.each_arm(("ksm_plain", "esxmem"),
                               options.repetitions or (1 if options.quick else 2),
                               progress, measure)
        result["arms"]["esxmem_first_pass"] = [
            {"pass_ns": row["first_pass_ns"]} for row in result["arms"]["esxmem"]]
        return dict(result, seeds={"contents": options.seed}, notes=[
            "Half of the pages have no equal, half have one.  The peer is esxmem's own first "
            "pass, in the same boot; KSM's steady pass is there to look at.  Passes over "
            "unchanged memory are a second apart: what the idle kernel uses in that time, "
            f"measured for {IDLE_S} s in the same boot, is taken off."])
    return run
