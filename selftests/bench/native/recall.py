# SPDX-License-Identifier: GPL-2.0
"""How much of what can be shared is found, with all settings at their defaults.

Some pages are equal from the start.  Others are old before they become equal:
rows A and B of each phase have the same contents at the end, but B was first
seen some passes after A, and both held still for long.  KSM's smart_scan visits
such pages every ninth pass and forgets in between.
"""

from bench.native import boot
from bench.native.memory import RANDOM, ZERO

PHASES = 9
# Passes before rows become equal: until all pages are visited every ninth only.
AGE = 24


class Rows:
    """Rows of pages in one holder, each with numbers of its own."""

    def __init__(self, memory, pages, seed):
        self.memory = memory
        self.number, _ = memory.add(pages)[0]
        self.next_page = 0
        self.seed = seed
        self.numbers = 0

    def take(self, count):
        """Reserve the next @count pages; return the first."""
        first = self.next_page
        self.next_page += count
        return first

    def fresh(self, count):
        """Numbers that no page has; return the first."""
        self.numbers += count
        return self.seed + self.numbers - count

    def fill(self, first, count, base, modulo=None, kind=RANDOM):
        """Fill a row."""
        self.memory.tell(self.number, f"fill {first} {count} 1 {kind} {base} {modulo or count}")


def start_sets(rows, size):
    """What is there from the start: unique, pairs, 16 of each, zero, all the same."""
    rows.fill(rows.take(size), size, rows.fresh(size))
    rows.fill(rows.take(size), size, rows.fresh(size), size // 2)
    rows.fill(rows.take(size), size, rows.fresh(size), size // 16)
    rows.fill(rows.take(size * 3 // 10), size * 3 // 10, 0, kind=ZERO)
    rows.fill(rows.take(size), size, rows.fresh(1), 1)


class Volatile:
    """Pages that are never twice the same."""

    def __init__(self, rows, count):
        self.rows, self.count = rows, count
        self.first = rows.take(count)

    def change(self):
        """Write something new."""
        self.rows.fill(self.first, self.count, self.rows.fresh(self.count))


def age(arm, rows, volatile, size):
    """Let pairs of rows grow old; return [(A's numbers, B's first page), ...]."""
    pairs = []
    for _ in range(PHASES):
        numbers = rows.fresh(size)
        rows.fill(rows.take(size), size, numbers)
        pairs.append((numbers, rows.take(size)))
    start = None
    for number in range(AGE):
        if number < PHASES:
            rows.fill(pairs[number][1], size, rows.fresh(size))
        volatile.change()
        arm.one_pass()
        if number == 1:
            start = arm.found()
    return pairs, start


def share_of(found, oracle):
    """Of the pages that have an equal or are zero, how many are found."""
    possible = oracle["zero"] + oracle["twins"]
    return found / possible if possible else 1.0


def one(image, name, options):
    """One repetition."""
    size, row = (256, 16) if options.quick else (512, 32)
    pages = size * 6 + row * (2 * PHASES + 8)
    most = 4 if options.quick else 20
    with boot.booted(image, name, pages, options.verbose,
                     **({"default": True} if name == "esxmem" else {})) as (arm, memory):
        rows = Rows(memory, pages, options.seed)
        start_sets(rows, size)
        early = memory.oracle()
        volatile = Volatile(rows, row)
        arm.hasten(True)
        pairs, found_early = age(arm, rows, volatile, row)
        arm.hasten(False)
        for numbers, first in pairs:
            rows.fill(first, row, numbers)
        rows.fill(rows.take(4 * row), 4 * row, options.seed)
        all_found = memory.oracle()
        curve = []
        while len(curve) < most and (len(curve) < 2 or curve[-1] < possible(all_found)):
            volatile.change()
            arm.one_pass()
            curve.append(arm.found())
        memory.check()
    return judge(curve, found_early, early, all_found)


def possible(oracle):
    """Pages that can share or be given up."""
    return oracle["zero"] + oracle["twins"]


def judge(curve, found_early, early, late):
    """Make figures of what was found after each pass."""
    new = possible(late) - possible(early)
    recall_early = share_of(found_early, early)
    recall_late = max(0, curve[1] - possible(early)) / new
    needed = next((n for n, found in enumerate(curve, 1) if found >= possible(late)), None)
    return {"recall": min(recall_early, recall_late), "recall_from_start": recall_early,
            "recall_late": recall_late, "recall_all": share_of(curve[1], late),
            "recall_late_at_end": max(0, curve[-1] - possible(early)) / new,
            "passes_to_all": needed, "passes_watched": len(curve),
            "possible": possible(late), "possible_late": new}


def cell(options):
    """What runs the cell."""
    def run(progress):
        result = boot.each_arm(("ksm_default", "esxmem"),
                               options.repetitions or (1 if options.quick else 2), progress,
                               lambda image, name: one(image, name, options))
        return dict(result, seeds={"contents": options.seed}, notes=[
            "KSM naps 1 ms instead of 20 while pages grow old, which takes nothing from its "
            "passes; all else is at its default on both sides.",
            "passes_to_all is null where not everything was found in passes_watched passes."])
    return run
