# SPDX-License-Identifier: GPL-2.0
"""The scanners that are compared: KSM's and esxmem's, by the same verbs.

Only one of them ever runs: start() requires that the other does not.
"""

import contextlib
import pathlib
import time

import knobs
from knobs import ESXMEM, KSM

# Not a measure of speed: how long to wait for what must come.
PATIENCE_S = 900
NAP_S = 0.02
PAGE = 4096


class Stuck(Exception):
    """A scanner does not get on."""


def cpu_ns(names):
    """Return the CPU time of the kernel threads whose names begin so."""
    return sum(int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0])
               for pid in threads(names))


def threads(names):
    """Return the ids of the kernel threads whose names begin so."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):      # it may have ended
            if path.read_text().startswith(names):
                found.append(int(path.parts[2]))
    return found


class Scanner:
    """What both have in common."""

    NAME = ""
    THREADS = ""
    DIRECTORY = None
    FRAMES = ""

    def settings(self):
        """Return the values {path: value} it runs with."""
        raise NotImplementedError

    @contextlib.contextmanager
    def ready(self):
        """Have it off, but set up to run, in the body."""
        with knobs.held({ESXMEM / "share/run": 0, KSM / "run": 0, **self.settings()}):
            try:
                yield self
            finally:
                self.stop()

    def start(self):
        """Let it run."""
        for other in (ESXMEM / "share/run", KSM / "run"):
            if knobs.number(other):
                raise RuntimeError(f"{other} is on: two scanners would run")
        knobs.write(self.DIRECTORY / "run", 1)

    def stop(self):
        """Let it run no longer."""
        knobs.write(self.DIRECTORY / "run", 0)

    @contextlib.contextmanager
    def running(self):
        """Have it run in the body."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def passes(self):
        """Return how many passes it has made."""
        return knobs.number(self.DIRECTORY / "full_scans")

    def scan(self, passes):
        """Have it make that many whole passes."""
        # The one that it was stopped in goes on, and does not count.
        goal = self.passes() + passes + 1
        with self.running():
            wait_for(lambda: self.passes() >= goal, f"pass {goal} of {self.NAME}")

    def cpu_ns(self):
        """Return the CPU time that it has taken."""
        return cpu_ns(self.THREADS)

    def threads(self):
        """Return the ids of its threads."""
        return threads(self.THREADS)

    def mark(self):
        """Take what is saved from here on for saved_pages()."""

    def saved_pages(self):
        """Return how many pages of memory it has saved since mark()."""
        raise NotImplementedError

    def merged_pages(self):
        """Return how many pages are mapped to frames it has merged."""
        return self.spared_pages() + knobs.number(self.DIRECTORY / self.FRAMES)

    def spared_pages(self):
        """Return how many frames it spares by merging, zero pages apart."""
        raise NotImplementedError


class Ksm(Scanner):
    """The kernel's own, tuned: as fast as it can, with or without smart_scan.

    What it saves is taken from the kernel's count of anonymous pages: when KSM
    has a huge page split, the kernel maps the zero page for parts that are zero,
    and no figure of KSM's tells.  The count lags by a hundred pages or so.
    """

    THREADS = "ksmd"
    DIRECTORY = KSM
    FRAMES = "pages_shared"
    BATCH = 4096

    def __init__(self, smart):
        self.NAME = "ksm_smart" if smart else "ksm_plain"
        self._smart = smart
        self._pages_at_mark = 0

    def settings(self):
        return {KSM / "smart_scan": int(self._smart), KSM / "sleep_millisecs": 0,
                KSM / "pages_to_scan": self.BATCH, KSM / "use_zero_pages": 0}

    def mark(self):
        self._pages_at_mark = anonymous_pages()

    def saved_pages(self):
        return self._pages_at_mark - anonymous_pages()

    def spared_pages(self):
        return knobs.number(KSM / "pages_sharing")


class Esxmem(Scanner):
    """esxmem's, without limits.

    @break_large is the policy for large pages; None leaves the default.
    """

    NAME = "esxmem"
    THREADS = "esxmem_scand"
    DIRECTORY = ESXMEM / "share"
    FRAMES = "shared_frames"

    def __init__(self, break_large=None):
        self._break_large = break_large

    def settings(self):
        share = ESXMEM / "share"
        values = {share / "pages_per_second": 0, share / "cpu_percent": 100}
        if self._break_large and (share / "break_large").exists():
            values[share / "break_large"] = self._break_large
        return values

    def saved_pages(self):
        return self.spared_pages() + knobs.number(ESXMEM / "share/zero_pages")

    def spared_pages(self):
        return (knobs.number(ESXMEM / "share/shared_pages")
                - knobs.number(ESXMEM / "share/shared_frames"))


def anonymous_pages():
    """Return how many anonymous pages of memory processes have."""
    for line in open("/proc/meminfo", encoding="ascii"):
        if line.startswith("AnonPages:"):
            return int(line.split()[1]) * 1024 // PAGE
    raise LookupError("no AnonPages in /proc/meminfo")


def wait_for(condition, what):
    """Wait for @condition to become true."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise Stuck(f"not even after {PATIENCE_S} s: {what}")
        time.sleep(NAP_S)
