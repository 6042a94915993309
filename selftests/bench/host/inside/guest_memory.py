# SPDX-License-Identifier: GPL-2.0
"""Pointer chase and stream in guests on large pages.

Two guests do the same work at the same time, and what the host spends on each
is compared: its scheduler goes from one to the other every few milliseconds,
so whatever else makes the machine slow makes both slow.

Where in the host's memory a guest lies matters as well, for as long as it runs,
and that depends on who was started first.  So the guests are started twice, in
one order and in the other, and do half of the work each time.
"""

import base64
import contextlib
import itertools
import json
import pathlib
import statistics

import free_memory
import guest as guests
from holder import check_audit
import host
import knobs
from knobs import ESXMEM, KSM, THP
import machines

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "out" / "chase"
# What a shell takes in one word.
PIECE = 64 * 1024
# More than caches of the processor's hold.
MIB = 48
ROUNDS = 8
SITTINGS = 2
WORK = {"chase": "p", "stream": "s"}
# Linux leaves huge pages off in guests as small as these.
LARGE = "echo always >/sys/kernel/mm/transparent_hugepage/enabled"
# Pipes that are open for reading and writing never end and never block.
START = ("chmod +x /run/chase && mkfifo /run/go /run/times && "
         f"{{ /run/chase {MIB} <>/run/go 1<>/run/times 2>/dev/null & }}")
DO = "printf {letter} >/run/go && head -n 1 /run/times"
KINDS = {"esxmem": "esxmem", "thp": "anon_thp", "esxmem_scanned": "esxmem"}


def measure(request):
    """Return the cell's figures."""
    sittings = []
    with knobs.held({THP / "enabled": "always", ESXMEM / "large_pages": "always",
                     ESXMEM / "share/run": 0, KSM / "run": 0}):
        for number in range(SITTINGS):
            request.say(f"guests are started, {number + 1} of {SITTINGS}")
            sittings.append(sitting(request, backwards=number % 2))
    return by_arm(joined(sittings))


def sitting(request, backwards):
    """Start the guests, in one order or the other, and measure them; return the result."""
    kinds = list(KINDS.items())
    free_memory.settle()
    with contextlib.ExitStack() as stack:
        started = {arm: stack.enter_context(machines.machine(kind, name=arm))
                   for arm, kind in (reversed(kinds) if backwards else kinds)}
        host.Vm("esxmem").set("share", 0)
        guests.wait_all_ready(list(started.values()), request.say)
        for guest in started.values():
            start_program(guest)
        result = request.measure_arms(pairs_of(started), ROUNDS // SITTINGS, notes=[
            f"{MIB} MiB in guests of {machines.MEM_MIB} MiB; per second of the host's CPU "
            f"time, two guests at a time; beside esxmem_scanned the scanner works, at its "
            f"defaults; the guests are started {SITTINGS} times, in turn in this order and "
            "in the other"])
        for guest in started.values():
            check(guest)
        looks = {arm: look(guest) for arm, guest in started.items()}
    check_audit()
    return {**result, "looks": {"started": list(started), **looks}}


def joined(sittings):
    """Return one result for all sittings."""
    first = sittings[0]
    arms = {arm: [row for one in sittings for row in one["arms"][arm]] for arm in first["arms"]}
    return {**first, "arms": arms, "order": [arm for one in sittings for arm in one["order"]],
            "looks": [one["looks"] for one in sittings]}


def pairs_of(started):
    """Return {our arm: a function that measures it and the peer}."""
    turns = itertools.count()

    def plain():
        return together(started, ["esxmem", "thp"], next(turns))

    def scanned():
        with knobs.held({ESXMEM / "share/run": 1}):
            return together(started, ["esxmem_scanned", "thp"], next(turns))

    return {"esxmem": plain, "esxmem_scanned": scanned}


def together(started, arms, turn):
    """Have two guests do the same; return {arm: figures}.

    Which one begins first changes after every other turn, so that in each arm,
    there and back, both do as often.
    """
    figures = {arm: {} for arm in arms}
    arms = arms if turn // 2 % 2 == 0 else arms[::-1]
    for kind, letter in WORK.items():
        before = {arm: cpu_ns(started[arm]) for arm in arms}
        for arm in arms:
            started[arm].begin_call("run", command=DO.format(letter=letter))
        for arm in arms:
            lines = json.loads(output(started[arm], started[arm].end_call()))["lines"]
            spent = cpu_ns(started[arm]) - before[arm]
            figures[arm][f"{kind}_per_second"] = lines / spent * 1e9
    return figures


def cpu_ns(guest):
    """Return the CPU time of all of a guest's threads."""
    tasks = pathlib.Path(f"/proc/{guest.process.pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in tasks.iterdir())


def start_program(guest):
    """Put the program into the guest and start it."""
    data = PROGRAM.read_bytes()
    for at in range(0, len(data), PIECE):
        text = base64.b64encode(data[at:at + PIECE]).decode()
        run(guest, f"echo {text} | base64 -d >>/run/chase")
    run(guest, LARGE)
    run(guest, START)
    check(guest)


def run(guest, command):
    """Run a command in the guest; return what it says."""
    return output(guest, guest.call("run", command=command))


def output(guest, done):
    """Return what a command that was run in the guest said."""
    if done["status"]:
        raise RuntimeError(f"{guest.name}: {done['output']}")
    return done["output"]


def check(guest):
    """Fail unless the memory holds what it should."""
    if json.loads(run(guest, DO.format(letter="c"))) != {"sound": 1}:
        raise RuntimeError(f"{guest.name}: the memory is not what it was")


def look(guest):
    """Return what the guest's memory is made of."""
    meminfo = guest.call("memory")
    return {**machines.kvm_figures(guest.process),
            "huge_kib_in_guest": meminfo["AnonHugePages"]}


def by_arm(result):
    """Return the result with the arms of each pair apart.

    The peer's figures are those that were measured beside esxmem's.
    """
    pairs, looks = result["arms"], result.pop("looks")
    arms = {ours: [figures[ours] for figures in rounds] for ours, rounds in pairs.items()}
    arms["thp"] = [figures["thp"] for figures in pairs["esxmem"]]
    return {**result, "arms": arms, "order": [f"{arm} and thp" for arm in result["order"]],
            "data": {"guests": looks, "ratios": ratios(pairs)}}


def ratios(pairs):
    """Return {arm and figure: all ratios to the peer beside it, and their median}."""
    found = {}
    for ours, rounds in pairs.items():
        for key in rounds[0][ours]:
            each = [figures[ours][key] / figures["thp"][key] for figures in rounds]
            found[f"{ours} {key}"] = {"median": statistics.median(each), "each": each}
    return found
