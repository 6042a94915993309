# SPDX-License-Identifier: GPL-2.0
"""Knows how many pages of some processes' memory are alike.

It hashes every page that a process has mapped of its largest memory, which is
a guest's, and asks neither scanner.
"""

import collections
import dataclasses
import pathlib

PAGE = 4096
CHUNK = 512 * PAGE
PRESENT = 1 << 63
SWAPPED = 1 << 62


@dataclasses.dataclass
class Found:
    """What there is."""
    pages: int = 0
    zero_pages: int = 0
    distinct: int = 0

    def can_save(self):
        """Return how many pages are one too many."""
        return self.pages - self.distinct


def look(pids):
    """Return what the guests of the processes hold; they must stand still."""
    seen = collections.Counter()
    for pid in pids:
        for page in pages_of(pid):
            seen[hash(page)] += 1
    zero = seen[hash(bytes(PAGE))]
    return Found(pages=sum(seen.values()), zero_pages=zero, distinct=len(seen))


def pages_of(pid):
    """Yield the contents of each page that is there."""
    start, end = largest(pid)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory, \
            open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for at in range(start, end, CHUNK):
            size = min(CHUNK, end - at)
            there = present(pagemap, at, size)
            if not any(there):
                continue
            memory.seek(at)
            data = memory.read(size)
            for number, is_there in enumerate(there):
                if is_there:
                    yield data[number * PAGE:(number + 1) * PAGE]


def present(pagemap, at, size):
    """Return which pages of a range are there."""
    pagemap.seek(at // PAGE * 8)
    entries = memoryview(pagemap.read(size // PAGE * 8)).cast("Q")
    return [bool(entry & (PRESENT | SWAPPED)) for entry in entries]


def largest(pid):
    """Return the bounds of the process's largest writable mapping."""
    ranges = []
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        bounds, rights = line.split()[:2]
        if "w" in rights:
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            ranges.append((end - start, start, end))
    return max(ranges)[1:]
