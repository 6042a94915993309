# SPDX-License-Identifier: GPL-2.0
"""Writes down, about once a second, what the guests' memory is made of."""

import threading
import time

import host

PERIOD_S = 1.0


class Sampler:
    """A thread that samples until it is told to stop; a context manager.

    A sample is a table: the time since the start, the phase that the demo was
    in, and numbers of pages.
    """

    def __init__(self):
        self.samples = []
        self._phase = "boot"
        self._start = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.finish()

    def finish(self):
        """Stop sampling: what comes now is of no interest."""
        self._stop.set()
        self._thread.join()

    def seconds(self):
        """Return the time since the start."""
        return time.monotonic() - self._start

    def enter(self, phase):
        """Note that the demo has come to @phase."""
        self._phase = phase
        self.sample()

    def sample(self):
        """Take a sample now and return it."""
        info = host.info()
        taken = {"seconds": round(self.seconds(), 2), "phase": self._phase}
        for name in ("private_pages", "shared_pages", "shared_frames",
                     "zero_pages", "huge_pages", "frames"):
            taken[name] = info[name]
        self.samples.append(taken)
        return taken

    def _run(self):
        while not self._stop.wait(PERIOD_S):
            self.sample()
