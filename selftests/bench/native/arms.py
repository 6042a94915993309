# SPDX-License-Identifier: GPL-2.0
"""The arms: who shares the memory, and how it is turned on and read.

All have the same interface, so that a cell is written once.  No two of them
ever scan in the same boot.
"""

from bench.cells import CellError

KSM = "/sys/kernel/mm/ksm"
ESXMEM = "/sys/kernel/esxmem"
SHARE = f"{ESXMEM}/share"
MOUNT = "/run/esxmem"
PASS_LIMIT_MS = 240000
# How often a figure is looked at.  A look costs as much as some hundred pages: a
# pass is stopped a little late, what is to be stopped at once is worth a few looks.
LOOK_MS = 20
CLOSE_LOOK_MS = 3
# Of several passes, each of which is followed by a second of rest.
SELDOM_LOOK_MS = 250
# More than there are: a batch is a pass.
ALL_PAGES = 1 << 30
# A nap that is ended by setting another.
LONG_NAP_MS = 1000000


class Arm:
    """What the arms have in common."""

    def __init__(self, worker):
        self.worker = worker

    def knob(self, name, value):
        """Turn a knob; one that this kernel does not have is passed over."""
        path = f"{self.root}/{name}"
        if self.worker.figures([path])[0] is not None or self.is_word(path):
            self.worker.ask(f"set {path} {value}")

    def is_word(self, path):
        """Is there such a file, of which the content is no number?"""
        return self.worker.ask(f"get {path}") != "-"

    def until(self, target, figures, limit_ms=PASS_LIMIT_MS, look_ms=LOOK_MS):
        """The command that waits for a sum of figures."""
        return f"until {limit_ms} {look_ms} {target} {' '.join(figures)}"

    def require(self, answer, what):
        """Fail unless the wait that gave @answer came to its end."""
        if answer.split()[0] != "1":
            raise CellError(f"{self.name}: {what} did not happen in time ({answer})")


class Ksm(Arm):
    """KSM.  Passes are single steps: a batch of all pages, then a long nap."""

    root = KSM
    breaks_are = "cow_ksm of vmstat"

    def __init__(self, worker, name, smart, default=False):
        super().__init__(worker)
        self.name = name
        self.smart = smart
        self.default = default
        self.naps = 0

    def set_up(self):
        """Turn the knobs; start nothing."""
        if self.default:
            return
        self.knob("smart_scan", int(self.smart))
        self.knob("pages_to_scan", ALL_PAGES)
        self.knob("use_zero_pages", 1)

    def path_of(self, _guest, _number):
        """The memory file of a holder: there is none."""
        return ""

    def group(self, _guests):
        """All memory is one group."""

    def one_pass(self):
        """Scan once; return what it cost and how many pages were visited."""
        if self.default:
            return self._slow_pass()
        scans, before = self._figures()
        self.naps += 1
        cpu, answers = self.worker.measure(
            f"set {KSM}/sleep_millisecs {LONG_NAP_MS + self.naps}", f"set {KSM}/run 1",
            self.until(scans + 1, [f"{KSM}/full_scans"]))
        self.require(answers[-1], "a pass")
        after = self._figures()[1]
        return {"cpu_ns": cpu, "visited": after - before}

    def _slow_pass(self):
        scans, before = self._figures()
        cpu, answers = self.worker.measure(
            f"set {KSM}/run 1", self.until(scans + 1, [f"{KSM}/full_scans"]),
            f"set {KSM}/run 0")
        self.require(answers[1], "a pass")
        after = self._figures()[1]
        return {"cpu_ns": cpu, "visited": after - before}

    def _figures(self):
        return self.worker.figures([f"{KSM}/full_scans", f"{KSM}/pages_scanned"])

    def hasten(self, fast):
        """Shorten the naps of the default setting, which takes nothing from a pass."""
        self.worker.ask(f"set {KSM}/sleep_millisecs {1 if fast else 20}")

    def run_until_saved(self, frames, limit_ms):
        """Scan until so many frames are given back; (CPU time, reached)."""
        self.knob("pages_to_scan", 1000)
        self.worker.ask(f"set {KSM}/sleep_millisecs 0")
        cpu, answers = self.worker.measure(
            f"set {KSM}/run 1", self.until(frames, self._saved(), limit_ms, CLOSE_LOOK_MS),
            f"set {KSM}/run 0")
        return cpu, answers[1].split()[0] == "1"

    @staticmethod
    def _saved():
        return [f"{KSM}/pages_sharing", f"{KSM}/ksm_zero_pages"]

    def saved(self):
        """Frames given back."""
        return sum(self.worker.figures(self._saved()))

    def found(self):
        """Pages that share, or are known to be zero."""
        return sum(self.worker.figures(self._saved() + [f"{KSM}/pages_shared"]))

    def copies(self):
        """Frames kept for what is shared."""
        return self.worker.figures([f"{KSM}/pages_shared"])[0]

    def breaks(self):
        """Writes to shared pages so far."""
        for line in self.worker.text("/proc/vmstat").splitlines():
            if line.startswith("cow_ksm "):
                return int(line.split()[1])
        raise CellError("vmstat has no cow_ksm")

    def stop(self):
        """Scan no more."""
        self.worker.ask(f"set {KSM}/run 0")

    def check(self):
        """KSM has no audit."""


class Esxmem(Arm):
    """esxmem.  A pass ends a little after the scanner has counted it."""

    root = SHARE
    breaks_are = "share/cow_breaks"

    def __init__(self, worker, name="esxmem", default=False, large_pages="never"):
        super().__init__(worker)
        self.name = name
        self.default = default
        self.large_pages = large_pages

    def set_up(self):
        """Turn the knobs; start nothing."""
        self.worker.ask(f"set {ESXMEM}/large_pages {self.large_pages}")
        self.knob("workers", 1)
        if self.default:
            return
        self.knob("target_seconds", 0)
        self.knob("pages_per_second", 0)
        self.knob("cpu_percent", 100)

    def path_of(self, guest, number):
        """The memory file of a holder; the directory is the guest."""
        self.worker.ask(f"mkdir {MOUNT}/{guest}")
        return f"{MOUNT}/{guest}/ram{number}"

    def group(self, guests):
        """Let these share with each other."""
        for guest in guests:
            self.worker.ask(f"set {ESXMEM}/vms/{guest}/group bench")

    def one_pass(self, passes=1):
        """Scan once; return what it cost and how many pages were visited."""
        names = ["full_scans", "scanned_pages", "hashed_pages", "clean_pages"]
        before = self._figures(names)
        cpu, answers = self.worker.measure(
            f"set {SHARE}/run 1",
            self.until(before["full_scans"] + passes, [f"{SHARE}/full_scans"],
                       look_ms=LOOK_MS if passes == 1 else SELDOM_LOOK_MS),
            f"set {SHARE}/run 0", "pause 10")
        self.require(answers[1], "a pass")
        after = self._figures(names)
        spent = {name: None if before[name] is None else after[name] - before[name]
                 for name in names}
        return {"cpu_ns": cpu, "visited": spent["scanned_pages"],
                "passes": spent["full_scans"], "hashed": spent["hashed_pages"],
                "clean": spent["clean_pages"]}

    def _figures(self, names):
        return dict(zip(names, self.worker.figures([f"{SHARE}/{name}" for name in names])))

    def hasten(self, _fast):
        """Nothing to shorten."""

    def run_until_saved(self, frames, limit_ms):
        """Scan until so many frames are given back; (CPU time, reached)."""
        cpu, answers = self.worker.measure(
            f"set {SHARE}/run 1", self.until(frames, self._saved(), limit_ms, CLOSE_LOOK_MS),
            f"set {SHARE}/run 0", "pause 10")
        return cpu, answers[1].split()[0] == "1"

    @staticmethod
    def _saved():
        return [f"{SHARE}/shared_pages", f"-{SHARE}/shared_frames", f"{SHARE}/zero_pages"]

    def saved(self):
        """Frames given back."""
        figures = self._figures(["shared_pages", "shared_frames", "zero_pages"])
        return figures["shared_pages"] - figures["shared_frames"] + figures["zero_pages"]

    def found(self):
        """Pages that share, or are known to be zero."""
        return sum(self._figures(["shared_pages", "zero_pages"]).values())

    def copies(self):
        """Frames kept for what is shared."""
        return self._figures(["shared_frames"])["shared_frames"]

    def breaks(self):
        """Writes to shared pages so far."""
        return self._figures(["cow_breaks"])["cow_breaks"]

    def stop(self):
        """Scan no more."""
        self.worker.ask(f"set {SHARE}/run 0", "pause 10")

    def check(self):
        """Fail unless the audit finds nothing."""
        violations = int(self.worker.ask("audit"))
        if violations:
            raise CellError(f"esxmem's audit finds {violations} violations")


def make(name, worker, **options):
    """The arm called @name."""
    if name.startswith("esxmem"):
        return Esxmem(worker, name, **options)
    return Ksm(worker, name, smart=name != "ksm_plain", default=name == "ksm_default")
