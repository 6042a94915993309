# SPDX-License-Identifier: GPL-2.0
"""Pointer chase and stream in a guest, on esxmem's large pages and on THP.

Two guests, even of one kind, differ by some per cent for as long as they run,
by where in the machine's caches they happen to lie.  So there is one guest, and
its NUMA nodes are of the kinds that are compared: the same program, on the same
processor, works on an area of each node by turns of less than a millisecond.
Each node has many areas, and each round takes others: the placement is drawn
anew, and the middle of all rounds' ratios is what is told, with the interval
that the rounds leave it.

The last node is of the same kind as the peer.  Their ratio is known to be one,
so it shows what the measurement can tell apart.

Time is taken in the guest, as no clock of the host's could be read as often;
that nothing was hidden between the slices is known by exact counts: the faults
that esxmem saw meanwhile, and the CPU time of the guest's processor.
"""

import base64
import contextlib
import json
import pathlib
import random
import statistics

from bench import paired
import free_memory
from holder import check_audit
import host
import knobs
from knobs import ESXMEM, KSM, THP
import machines
import numa

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "out" / "chase"
# What a shell takes in one word.
PIECE = 64 * 1024
# Those of all nodes together are more than the processor's caches hold.
MIB = 16
AREAS = 24
SPARE_MIB = 48
WORK = {"chase": "p", "stream": "s"}
# Node 1 and those after it; node 0 has the guest's processor and all else.
NODES = ("esxmem", "thp", "thp_control")
# Linux leaves huge pages off in small guests.  Nothing is to move in the areas.
PREPARE = ("echo always >/sys/kernel/mm/transparent_hugepage/enabled && "
           "echo 0 >/proc/sys/kernel/numa_balancing && "
           "echo 0 >/proc/sys/vm/compaction_proactiveness")
# Pipes that are open for reading and writing never end and never block.
START = ("chmod +x /run/chase && mkfifo /run/go /run/times && "
         "{{ /run/chase {mib} {areas} {nodes} <>/run/go 1<>/run/times 2>/run/said & }}; "
         "head -n 1 /run/times | busybox grep . || {{ cat /run/said; exit 1; }}")
DO = "echo {letter}{area} >/run/go && head -n 1 /run/times"
# The control may be off by this much, however narrow its interval.
CONTROL_MAY_BE_OFF = 0.01


def measure(request):
    """Return the cell's figures."""
    areas = request.repetitions or request.size(AREAS, 2)
    free_memory.settle()
    with knobs.held({THP / "enabled": "always", ESXMEM / "large_pages": "always",
                     ESXMEM / "share/run": 0, KSM / "run": 0}), \
            numa.guest(kinds(), areas * MIB + SPARE_MIB) as guest:
        guest.wait_ready()
        request.say("the guest is up")
        program = Program(guest, areas)
        before = look(guest, program)
        result = request.measure_arms(rounds(request, program), areas, notes=[
            f"{areas} areas of {MIB} MiB on each of the guest's nodes; per second of the "
            "guest's clock, the median of turns of a few milliseconds; thp_control is a "
            "second node of THP; while esxmem_scanned is measured the scanner works, at its "
            "defaults"])
        program.check()
        looks = {"before": before, "after": look(guest, program)}
    check_audit()
    return judged({**result, "looks": looks})


def kinds():
    """Return {node: what its memory is of}."""
    return {node: "esxmem" if node == "esxmem" else "anonymous" for node in NODES}


def rounds(request, program):
    """Return {arm: a function that measures a round of it}.

    An arm goes through all areas, in an order drawn from the seed.
    """
    lot = random.Random(request.seed)

    def arm(running):
        areas = iter(lot.sample(range(program.areas), program.areas))

        def one():
            with knobs.held({ESXMEM / "share/run": running}):
                return program.round(next(areas))
        return one

    return {"plain": arm(0), "scanned": arm(1)}


class Program:
    """The program in the guest."""

    def __init__(self, guest, areas):
        self.areas = areas
        self._guest = guest
        self._put()
        self._run(PREPARE)
        numbers = " ".join(str(number) for number, _ in enumerate(NODES, 1))
        self.pid = json.loads(self._run(START.format(
            mib=MIB, areas=areas, nodes=numbers)))["pid"]

    def _put(self):
        data = PROGRAM.read_bytes()
        for at in range(0, len(data), PIECE):
            text = base64.b64encode(data[at:at + PIECE]).decode()
            self._run(f"echo {text} | base64 -d >>/run/chase")

    def _run(self, command):
        done = self._guest.call("run", command=command)
        if done["status"]:
            raise RuntimeError(done["output"])
        return done["output"]

    def round(self, area):
        """Do all kinds of work on one area of each node; return {node: figures}."""
        figures = {node: {"area": area} for node in NODES}
        for kind, letter in WORK.items():
            before = self._counts()
            told = json.loads(self._run(DO.format(letter=letter, area=area)))
            spent = {name: count - before[name] for name, count in self._counts().items()}
            for node, found in zip(NODES, by_node(told)):
                figures[node].update({f"{kind}_{key}": value for key, value in found.items()})
            figures["esxmem"].update({f"{kind}_{key}": value for key, value in spent.items()})
        return figures

    def _counts(self):
        return {"faults": host.Vm("esxmem").get("faults"),
                "cpu_ns": numa.vcpu_ns(self._guest)}

    def check(self):
        """Fail unless the memory holds what it should."""
        if json.loads(self._run(DO.format(letter="c", area=0))) != {"sound": 1}:
            raise RuntimeError("the guest's memory is not what it was")

    def mappings(self):
        """Return the areas' mapping of each node, in the guest: {node: (KiB there, KiB huge)}."""
        directory = f"/proc/{self.pid}"
        return numa.bound(self._run(f"cat {directory}/numa_maps"),
                          self._run(f"cat {directory}/smaps"))


def by_node(told):
    """Return the figures of each node, from the program's answer.

    The machine is now fast and now slow, by whoever shares it, so each turn is
    compared by itself: the speed of a node is that of the peer, times the median of
    what they were to each other in all turns.
    """
    peer = told["ns"][NODES.index("thp")]
    speed = told["lines"] / statistics.median(peer) * 1e9
    for times in told["ns"]:
        ratio = statistics.median(theirs / ours for theirs, ours in zip(peer, times))
        yield {"per_second": speed * ratio,
               # All of the time, and so whatever else went on in it.
               "per_second_of_all": told["lines"] * len(times) / sum(times) * 1e9}


def look(guest, program):
    """Return what the guest's memory is made of; fail if its areas are not as meant."""
    wanted = program.areas * MIB * 1024
    found = program.mappings()
    for number, node in enumerate(NODES, 1):
        if found.get(number) != (wanted, wanted):
            raise RuntimeError(f"{node}: of {wanted} KiB on node {number} there and huge in the "
                               f"guest: {found.get(number)}")
    return {"huge_kib_in_guest": {node: found[number][1] for number, node in enumerate(NODES, 1)},
            "huge_kib_on_host": numa.huge_on_host(guest, kinds()),
            "kvm": machines.kvm_figures(guest.process)}


def judged(result):
    """Return the result with an arm for each kind of memory, and what the ratios say.

    Fails if the control does: nothing that was measured can be believed then.
    """
    made, looks = result["arms"], result.pop("looks")
    names = {"plain": "", "scanned": "_scanned"}
    arms = {f"{node}{names[arm]}": [figures[node] for figures in rounds_of]
            for arm, rounds_of in made.items() for node in NODES}
    ratios, notes = {}, []
    for suffix in names.values():
        for key in ("chase_per_second", "stream_per_second"):
            peer, control = arms[f"thp{suffix}"], arms[f"thp_control{suffix}"]
            ratios[f"esxmem{suffix} {key}"] = paired.summary(arms[f"esxmem{suffix}"], peer, key)
            ratios[f"thp_control{suffix} {key}"] = found = paired.summary(control, peer, key)
            check_control(f"thp_control{suffix} {key}", found)
    notes = [describe(name, found) for name, found in ratios.items()]
    return {**result, "arms": arms, "notes": result["notes"] + notes,
            "data": {"guest": looks, "ratios": ratios}}


def check_control(name, found):
    """Fail if a ratio that is known to be one is neither about one nor may be it."""
    if found["low"] is None or found["low"] <= 1 <= found["high"]:
        return
    if abs(found["median"] - 1) > CONTROL_MAY_BE_OFF:
        raise RuntimeError(f"of two nodes of one kind: {describe(name, found)}")


def describe(name, found):
    """Say what a ratio is and what is known of it."""
    known = "no interval of so few rounds"
    if found["low"] is not None:
        known = (f"{paired.CONFIDENCE:.0%} between {found['low']:.3f} and {found['high']:.3f}, "
                 f"so to {paired.resolution(found):.1%}")
    return f"{name} to thp: {found['median']:.3f} ({known})"
