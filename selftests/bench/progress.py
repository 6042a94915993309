# SPDX-License-Identifier: GPL-2.0
"""Shows how far a run is: cell, elapsed, what is still expected."""

import sys
import time

from bench import cells

CLEAR = "\r\033[K"


class Display(cells.Progress):
    """One line that changes on a terminal, a line for each event elsewhere."""

    def __init__(self, chosen, out=sys.stderr):
        self.chosen = chosen
        self.out = out
        self.start = time.monotonic()
        self.number = 0
        self.begun = self.start
        # How much longer the cells take than they say.
        self.slowness = 1.0
        self.done_s = 0.0

    def elapsed(self):
        """Seconds since the start."""
        return time.monotonic() - self.start

    def begin(self, cell):
        """A cell begins."""
        self.number += 1
        self.begun = time.monotonic()
        self._line(f"{cell.name}: {cell.what}", last=True)

    def end(self, cell, error=None):
        """A cell has ended; learn from how long it took."""
        took = time.monotonic() - self.begun
        self.done_s += cell.seconds
        self.slowness = max(0.2, min(5.0, self.elapsed() / self.done_s))
        self._line(f"{cell.name}: {'FAILED: ' + error if error else 'done'}, {took:.0f} s",
                   last=True)

    def say(self, text):
        """Tell what goes on; kept off a log."""
        if self.out.isatty():
            self._line(f"{self.chosen[self.number - 1].name}: {text}", last=False)

    def rest(self):
        """Seconds still to be expected."""
        whole = sum(cell.seconds for cell in self.chosen) * self.slowness
        return max(0, whole - self.elapsed())

    def _line(self, text, last):
        head = (f"[{self.elapsed():5.0f} s, about {self.rest():.0f} s to go] "
                f"cell {self.number} of {len(self.chosen)}, ")
        clear = CLEAR if self.out.isatty() else ""
        self.out.write(clear + head + text + ("\n" if last else ""))
        self.out.flush()
