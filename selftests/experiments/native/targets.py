# SPDX-License-Identifier: GPL-2.0
"""How soon each of many VMs knows what it may have.

The arithmetic alone is built for user space and timed there: see deal.c.  All of
it, from an event to new targets, is timed in the benchmark's User-Mode kernel,
with a memory file for each VM.  After each event the targets have to be right.
"""

import json
import pathlib
import statistics
import subprocess

from bench.cells import CellError
from bench.native import worker
from bench.native.arms import ESXMEM, MOUNT

HERE = pathlib.Path(__file__).resolve().parent
TAX = f"{ESXMEM}/tax"
NUMBERS = (100, 1000, 10000)
MIB = 1 << 20
PAGE = 4096
# Of the kernel.  Of what the VMs ask for so much is handed out: the fifth part.
MEM_MIB = 4096
POOL_PARTS = 5
# By default a VM has ten of them for each MiB.
SHARES, MORE_SHARES = 10, 20
EVENT_LIMIT_MS = 20000
# For the work to be over, with all that comes after the targets.
REST_MS = 60
# Of the paths that go into a line for the worker.
AT_ONCE = 50
KINDS = ("shares", "start", "stop")


def cell(options):
    """What runs the cell."""
    def run(progress):
        rounds = 3 if options.quick else 15
        lists = {}
        row = deal_all(rounds * 5, options, lists)
        progress.say("building the modules")
        with worker.built() as image:
            row.update(events_of_all(image, rounds, options, progress, lists))
        return {"arms": {"esxmem": [row]}, "order": ["esxmem"], "data": lists,
                "seeds": {"claims": options.seed}, "kernel": image.kernel.version,
                "notes": notes(row, rounds)}
    return run


def notes(row, rounds):
    """What a reader of the figures has to know."""
    return [
        f"medians of {rounds} events of each kind: the shares of a VM change, a VM comes, a VM "
        "goes; from before the system call to when the count of computations has grown, the "
        "10 ms for which more changes are waited for included",
        "VMs of 1 MiB of which nothing is in use, in a User-Mode kernel; together they ask "
        "for five times what there is",
        f"with 10,000 VMs an event has its targets after {row['event_10000_ms']:.0f} ms; the "
        f"computation takes {row['cpu_10000_ms']:.1f} ms of CPU time, with 1,000 VMs "
        f"{row['cpu_1000_ms']:.2f} ms"]


def deal_all(rounds, options, lists):
    """Time the arithmetic; return the figures."""
    build()
    for nr in NUMBERS:
        said = json.loads(subprocess.run(
            [HERE / "out/deal", str(nr), str(rounds), str(options.seed)], check=True,
            stdout=subprocess.PIPE, text=True).stdout)
        if said["wrong"]:
            raise CellError(f"deal: {said['wrong']} rounds of {nr} claims went wrong")
        lists[f"deal_{nr}_ns"] = said["ns"]
    return {f"deal_{nr}_ms": statistics.median(lists[f"deal_{nr}_ns"]) / 1e6 for nr in NUMBERS}


def build():
    """Make deal."""
    done = subprocess.run(["make", "-s", "-C", HERE], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise CellError(f"make -C {HERE}: {done.stdout[-2000:]}")


def events_of_all(image, rounds, options, progress, lists):
    """Time events among more and more VMs; return the figures."""
    row = {}
    with worker.Worker(image, MEM_MIB, options.verbose) as begun:
        begun.ask(f"set {TAX}/period_seconds 3600")
        vms = Vms(begun)
        for nr in NUMBERS:
            progress.say(f"{nr} VMs")
            vms.grow(nr)
            row.update(figures_of(nr, events(vms, rounds), lists))
        violations = int(begun.ask("audit"))
        if violations:
            raise CellError(f"the audit finds {violations} violations")
    return row


def events(vms, rounds):
    """Return {kind of event: [milliseconds]}, and CPU time."""
    found = {kind: [] for kind in (*KINDS, "cpu")}
    for _ in range(rounds):
        for kind in KINDS:
            found[kind].append(getattr(vms, kind)())
        found["cpu"].append(vms.cpu())
    vms.check_sum()
    return found


def figures_of(nr, found, lists):
    """Return the figures of @nr VMs; keep what they are of in @lists."""
    lists.update({f"{kind}_{nr}_ms": values for kind, values in found.items()})
    row = {f"{kind}_{nr}_ms": statistics.median(values) for kind, values in found.items()}
    return {**row, f"event_{nr}_ms": max(row[f"{kind}_{nr}_ms"] for kind in KINDS)}


class Vms:
    """Many VMs that have no memory yet, the first of them with shares that change."""

    def __init__(self, begun):
        self._worker = begun
        self._names = []
        self._pool = 0
        self._shares = SHARES

    def grow(self, nr):
        """Have so many, and hand out a part of what they ask for."""
        more = nr - len(self._names)
        # Their overhead would not go into the last pool.
        self._worker.ask(f"set {TAX}/pool_bytes 0", f"files {more} {MIB} {MOUNT}/{nr}-")
        self._names += [f"{nr}-{number}" for number in range(more)]
        self._pool = nr * MIB // POOL_PARTS // PAGE * PAGE
        self._worker.ask("pause 1000", f"set {TAX}/pool_bytes {self._pool}",
                         f"pause {REST_MS * 5}")

    def shares(self):
        """Change the shares of the first VM; return the milliseconds until all know."""
        took = self.event(f"set {self._vm(0)}/shares {self._other_shares()}")
        self._check_first()
        return took

    def start(self):
        """The same of a VM that comes."""
        took = self.event(f"files 1 {MIB} {MOUNT}/new-")
        if not self._worker.figures([f"{ESXMEM}/vms/new-0/target_bytes"])[0]:
            raise CellError("a VM that came has no target")
        return took

    def stop(self):
        """The same of the VM that came."""
        took = self.event(f"unlink {MOUNT}/new-0")
        self._check_first()
        return took

    def event(self, command):
        """Return the milliseconds from an event to new targets."""
        answer = self._worker.ask(f"event {EVENT_LIMIT_MS} {TAX}/rebalances {command}")
        took = int(answer.split()[-1]) / 1000
        if took >= EVENT_LIMIT_MS:
            raise CellError(f"{command}: no targets were computed")
        self._worker.ask(f"pause {REST_MS}")
        return took

    def cpu(self):
        """Return the milliseconds of CPU time that a change of the shares costs.

        Of that is taken off what a setting costs on which no target depends.
        """
        taken = [self._worker.measure(f"set {setting}", f"pause {REST_MS}")[0]
                 for setting in (f"{TAX}/sample_pages 100",
                                 f"{self._vm(0)}/shares {self._other_shares()}")]
        self._check_first()
        return (taken[1] - taken[0]) / 1e6

    def check_sum(self):
        """Fail unless all targets together are what there is."""
        targets = self._targets(range(len(self._names)))
        if sum(targets) != self._pool:
            raise CellError(f"targets of {sum(targets)} bytes, where there are {self._pool}")

    def _other_shares(self):
        self._shares = MORE_SHARES if self._shares == SHARES else SHARES
        return self._shares

    def _check_first(self):
        """Nothing is in use, so all are taxed alike: targets are as shares are."""
        first, other = self._targets((0, 1))
        wanted = other * self._shares // SHARES
        if abs(first - wanted) > 2 * PAGE:
            raise CellError(f"{self._shares} shares have {first} bytes, {SHARES} have {other}")

    def _targets(self, numbers):
        paths = [f"{self._vm(number)}/target_bytes" for number in numbers]
        return [target for at in range(0, len(paths), AT_ONCE)
                for target in self._worker.figures(paths[at:at + AT_ONCE])]

    def _vm(self, number):
        return f"{ESXMEM}/vms/{self._names[number]}"
