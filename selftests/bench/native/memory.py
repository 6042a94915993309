# SPDX-License-Identifier: GPL-2.0
"""The memory of some guests, in holders, and the oracle over all of it."""

from bench.cells import CellError

# Of a holder: a page that lies alone is a mapping of this machine's kernel,
# and a process may have 65,530.
HOLDER_PAGES = 16384
ZERO, RANDOM, ALIKE = 1, 2, 3
ORACLE = ("pages", "zero", "twins", "contents", "saved")


class Memory:
    """Memory of one boot."""

    def __init__(self, worker, arm):
        self.worker = worker
        self.arm = arm
        self.holders = []

    def add(self, pages, guest="vm0"):
        """Start holders of @pages; return their (number, pages)."""
        added = []
        while pages:
            size = min(pages, HOLDER_PAGES)
            path = self.arm.path_of(guest, len(self.holders))
            number = int(self.worker.ask(f"new {size} {path}".strip()))
            self.holders.append((number, size))
            added.append((number, size))
            pages -= size
        return added

    def fill(self, holders, kind, base, modulo):
        """Of all pages of @holders the k-th becomes number base + k % modulo."""
        at = 0
        for number, pages in holders:
            shift = at % modulo
            if shift and shift + pages > modulo:
                raise ValueError("a holder's numbers must not begin again within it")
            cycle = modulo if not shift else modulo - shift
            self.worker.ask(f"tell {number} fill 0 {pages} 1 {kind} {base + shift} {cycle}")
            at += pages

    def tell(self, holder, command):
        """Have a holder do something; return what it says."""
        return self.worker.ask(f"tell {holder} {command}").strip()

    def rewrite(self):
        """Write all pages again with what they hold."""
        for number, pages in self.holders:
            self.tell(number, f"rewrite 0 {pages}")

    def oracle(self):
        """What is there to be shared."""
        self.worker.ask("all hash")
        return dict(zip(ORACLE, map(int, self.worker.ask("oracle").split())))

    def check(self):
        """Fail unless each page holds what was written to it."""
        bad = sum(map(int, self.worker.ask("all check").split()))
        if bad:
            raise CellError(f"{self.arm.name}: {bad} pages do not hold what was written to them")
        self.arm.check()
