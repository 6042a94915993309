# SPDX-License-Identifier: GPL-2.0
"""The paper's Figure 6: a toucher in a guest, and what sampling makes of it.

The guest runs Linux; in it a program reads a part of its memory again and again
and takes that part larger or smaller.  The sampler works by itself; only its
periods, of run time of the guest, are shortened.  The truth is a full scan: the
accessed bits of all pages over the time of a period.
"""

import pathlib
import re
import time

import guest as guests
from holder import check_audit
import host
import knobs
import machines
import sampler
from sampler import TAX
from shell import output, run
import statistic

NAME = "toucher"
PAGE = 4096
# As in the paper.
GUEST_MIB = 256
MOST_MIB = 96
SAMPLES = 100
PERIOD_NS = 1_000_000_000
# Between two looks at the estimates.
NAP_S = PERIOD_NS / 20e9
DAY_MS = 86_400_000
LOW = 8
# As in the paper, by steps of different height: MiB and periods.
SHOWN = ((LOW, 8), (40, 4), (LOW, 8), (64, 4), (88, 4), (LOW, 10), (64, 4), (40, 6), (LOW, 8))
# Then up and down again, for there to be enough steps to judge by.
HEIGHTS = (40, 56, 72)
REST = 4
EVENT = pathlib.Path("/sys/kernel/tracing/events/esxmem/esxmem_sample/enable")
TRACE = pathlib.Path("/sys/kernel/tracing/trace")
SAID = re.compile(r"esxmem_sample: .*\bname=(\S+) .*\bsampled=(\d+) touched=(\d+)")
PROGRAM = f"""
import mmap
import os
import sys
memory = mmap.mmap(-1, {MOST_MIB} << 20)
view = memoryview(memory)
# Each page is told from its neighbours.
written = bytes(page % 251 for page in range(len(view) // {PAGE}))
view[::{PAGE}] = written
swept = os.open("/run/swept", os.O_RDWR)
told = ""
while True:
    wanted = open("/run/wanted").read()
    end = int(wanted or 0) << 20
    if view[:end:{PAGE}].tobytes() != written[:end // {PAGE}]:
        sys.exit("a page does not hold what was written to it")
    if wanted and wanted != told:
        os.write(swept, wanted.encode())
        told = wanted
"""
START = ("mkfifo /run/swept && echo {low} >/run/wanted && "
         "{{ python3 /run/toucher.py >/run/complaints 2>&1 & }}")
# Returns when a whole sweep over the new part is done.  What runs in the guest
# besides counts as touched: no more of it than need be.
STEP = ('echo {mib} >/run/wanted; [ "$(timeout 300 head -n 1 /run/swept)" = {mib} ] || '
        '{{ cat /run/complaints; false; }}')


def measure(request):
    """Return the cell's figures."""
    shown, rounds = request.size((SHOWN, 6), (SHOWN[:3], 1))
    data = {}
    result = request.measure_arms(
        {"esxmem": lambda: figures_of(watch_guest(shown, rounds, request), data)}, 1, notes=[
            f"a Linux guest of {GUEST_MIB} MiB in 4 KB pages; periods of "
            f"{PERIOD_NS // 10 ** 6} ms of its run time, {SAMPLES} samples by young",
            "the estimate is read one period after the toucher has gone over the larger part "
            "once; its standard error is that of one sample of the truth"])
    found = result["arms"]["esxmem"][0]
    result["notes"].append(
        f"{found['up_steps']} up-steps: error {found['up_mean']:+.2f} standard errors in the "
        f"mean, {found['up_worst']:+.2f} at worst; the slow average loses half of what is too "
        f"much in {found['half_life_slow']:.1f} periods")
    return {**result, "data": data}


def watch_guest(shown, rounds, request):
    """Have a guest take the steps; return (steps, watch, what periods said)."""
    with sampler.settings(method="young", pages=SAMPLES, period_ms=PERIOD_NS // 10 ** 6,
                          wall_ms=DAY_MS), \
            machines.machine("esxmem", name=NAME, mem_mib=GUEST_MIB) as guest:
        guests.wait_all_ready([guest], request.say)
        start_toucher(guest)
        watch = Watch(guest)
        knobs.write(TRACE, "")                          # empties it
        with knobs.held({EVENT: 1, TAX / "sample_run": 1}):
            first = watch.periods()
            steps = [take_step(guest, watch, *step) for step in told(request, shown)]
            # What follows is not in the picture.
            watch.shown = len(watch.points)
            for mib in told(request, HEIGHTS * rounds):
                steps += [take_step(guest, watch, mib, 2), take_step(guest, watch, LOW, REST)]
        said = periods_said(TRACE.read_text())
        complain(guest)
    check_audit()
    return steps, watch, dict(enumerate(said, first + 1))


def told(request, steps):
    """Go through the steps and tell how far it is."""
    for number, step in enumerate(steps, 1):
        request.say(f"step {number} of {len(steps)}")
        yield step


def start_toucher(guest):
    """Put the program into the guest and start it."""
    run(guest, f"cat >/run/toucher.py <<'END'\n{PROGRAM}END")
    run(guest, START.format(low=LOW))


def complain(guest):
    """Fail if the program had reason to."""
    complaints = run(guest, "cat /run/complaints")
    if complaints:
        raise sampler.Wrong(f"the toucher: {complaints}")


def take_step(guest, watch, mib, periods):
    """Have the toucher go over @mib for so many periods; return what was seen."""
    guest.begin_call("run", command=STEP.format(mib=mib))
    while not guest.poll_reply(NAP_S):
        watch.note()
    output(guest, guest.end_call())
    start = watch.at()
    estimate = watch.run(1)
    truth = watch.truth()
    watch.run(max(0, periods - 2))
    return {"mib": mib, "start": start, "estimate": estimate, "truth": truth}


def periods_said(text):
    """Return what part each period saw touched, from the trace."""
    return [int(touched) / int(sampled) for name, sampled, touched in SAID.findall(text)
            if name == NAME]


def figures_of(seen, data):
    """Return the figures; keep the curves in @data."""
    steps, watch, said = seen
    ups = [error for error in map(up_error, [None, *steps], steps) if error is not None]
    gains = {name: statistic.gain(moves(watch.ends, said, column))
             for column, name in ((1, "slow"), (2, "fast"))}
    data.update(points=watch.points[:watch.shown], steps=steps, size=watch.size,
                errors=ups, said=said, ends=watch.ends)
    return {"up_steps": len(ups),
            "up_within": sum(abs(error) <= 2 for error in ups) / len(ups),
            "up_worst": max(ups, key=abs), "up_mean": sum(ups) / len(ups),
            "gain_slow": gains["slow"], "gain_fast": gains["fast"],
            "gain_error": max(abs(gains["slow"] - 1 / 4), abs(gains["fast"] - 3 / 4)),
            "half_life_slow": statistic.half_life(gains["slow"])}


def up_error(last, step):
    """Return by how many standard errors an up-step's estimate is wrong; else None."""
    if not last or step["mib"] <= last["mib"]:
        return None
    return ((step["estimate"] - step["truth"])
            / statistic.standard_error(step["truth"], SAMPLES))


def moves(ends, said, column):
    """Return (before, after, what the period said) where an average went down."""
    pairs = zip(ends, ends[1:])
    return [(old[column], new[column], said[new[0]]) for old, new in pairs
            if new[0] == old[0] + 1 and new[0] in said and said[new[0]] < old[column]]


class Watch:
    """Writes down what is estimated, over the guest's own time."""

    def __init__(self, guest):
        self._vm = host.Vm(NAME)
        self._pid = guest.process.pid
        self.size = self._vm.get("size_bytes")
        self.start_ns = self.now()
        self.points, self.ends, self.shown = [], [], None

    def periods(self):
        """Return how many periods have ended."""
        return self._vm.get("sample_periods")

    def at(self):
        """Return the guest's own time, in periods."""
        return (self.now() - self.start_ns) / PERIOD_NS

    def point(self):
        """Return what is in use, by the estimate, as a part of the VM's size."""
        return self._vm.get("active_bytes") / self.size

    def now(self):
        """Return the guest's own time."""
        return self._vm.get("vcpu_time_ns")

    def note(self):
        """Write down the estimates, each as a part of the VM's size."""
        periods = self.periods()
        values = [self._vm.get(f"active_{name}_bytes") / self.size for name in ("slow", "fast", "now")]
        most = self.point()
        at = self.at()
        if 0 < periods == self.periods():               # all are of the same one
            self.points.append((at, *values, most))
            if not self.ends or self.ends[-1][0] != periods:
                self.ends.append((periods, *values[:2]))
        return most

    def run(self, periods):
        """Write down estimates for so many periods; return the last one."""
        until = self.now() + periods * PERIOD_NS
        most = self.note()
        while self.now() < until:
            time.sleep(NAP_S)
            most = self.note()
        return most

    def truth(self):
        """Have the guest run for a period; return what part it accesses."""
        sampler.clear_young()
        self.run(1)
        return sampler.young_pages(self._pid) * PAGE / self.size
