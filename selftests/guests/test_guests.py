#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Tests with real guests under KVM, whose memory is on esxmem.

Runs as root on a host with esxmem mounted, in a lab with one CPU or on real
hardware.  `run` beside this file does the former.  Names on the command line
choose tests.
"""

import contextlib
import hashlib
import mmap
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import bed                                              # noqa: E402
import guest                                            # noqa: E402
import host                                             # noqa: E402
import tap                                              # noqa: E402
from tap import check, check_equal, note                # noqa: E402

MIB = 1 << 20
CYCLES = 3
KILLS = 4
# Less than one 2 MB frame, more than what slabs keep of four guests.
LEAK_LIMIT_KIB = 512
BALLOON_MIB = 32
DISK_MIB = 8
CLONES = 3
HELD_MIB = 16
MORE_MIB = 8


def test_checksums_survive_merges_and_breaks():
    """Merge, check, write, check, several times over, in two guests."""
    with bed.scanner(False), bed.guests(("left", "right")) as started:
        expected = bed.fill(started)
        for nr in range(1, CYCLES + 1):
            report = bed.merge_all(started)
            note(f"cycle {nr}: {report}")
            check(report["merged"] > 0, "nothing was merged")
            check_all(expected, f"after merge {nr}")
            breaks = host.info()["cow_breaks"]
            write_all(expected, nr)
            check(host.info()["cow_breaks"] > breaks,
                  "the guests wrote and no sharing was broken")
            check_all(expected, f"after write {nr}")
        bed.check_audit()


def test_checksums_survive_the_scanner_at_full_speed():
    """Write under load while the background scanner merges all it can."""
    with bed.scanner(True), bed.guests(("left", "right")) as started:
        expected = bed.fill(started)
        guest.call_all(started, "load", per_second=5)
        passes = int(host.read_knob("share/full_scans"))
        for nr in range(1, CYCLES + 1):
            write_all(expected, nr)
            check_all(expected, f"after write {nr}")
        bed.wait_until(
            lambda: int(host.read_knob("share/full_scans")) >= passes + 2,
            "the scanner finished two passes")
        check(host.info()["shared_pages"] > 0, "nothing is shared")
        check_all(expected, "at the end")
        for name, counts in guest.call_all(started, "load_counts").items():
            check_equal(counts["bad"], 0,
                        f"{name}: wrong answers ({counts['problem']})")
            check(counts["web"] > 0, f"{name}: there was no load")
        bed.check_audit()


def test_large_frames_are_given_and_broken():
    """A guest boots in 2 MB frames; sharing breaks them and spoils nothing."""
    with bed.scanner(False), bed.guests(("huge",)) as started:
        expected = bed.fill(started)
        vm = host.Vm("huge")
        before = vm.figures()
        check(before["huge_bytes"] >= bed.MEM_MIB * MIB // 4,
              f"only {before['huge_bytes']} bytes are in 2 MB frames")
        started[0].qmp("stop")
        report = bed.merge_all(started)
        after = vm.figures()
        started[0].qmp("cont")
        note(report)
        check(report["huge_broken"] > 0, "no 2 MB frame was broken")
        check(after["huge_bytes"] < before["huge_bytes"],
              "huge_bytes did not fall")
        check_equal(report["zero"] * host.PAGE,
                    after["zero_bytes"] - before["zero_bytes"],
                    "bytes of zero pages, as reported and as seen")
        check_all(expected, "after 2 MB frames were broken")
        bed.check_audit()


@contextlib.contextmanager
def low_state(max_ms):
    """Have the state low in the body, whatever is free."""
    short = {"high": 1000, "soft": 999, "hard": 998, "low": 997}
    knobs = [(f"tax/state_{state}_pm", pm) for state, pm in short.items()]
    saved = [(name, host.read_knob(name)) for name, _ in knobs]
    saved_ms = host.read_knob("tax/hold_max_ms")
    host.write_knob("tax/hold_max_ms", max_ms)
    try:
        for name, value in knobs:
            host.write_knob(name, value)
        yield
    finally:
        # In this order, so that they always descend.
        for name, value in reversed(saved):
            host.write_knob(name, value)
        host.write_knob("tax/hold_max_ms", saved_ms)


def test_held_guest_waits_and_goes_on():
    """New memory of a guest that is held waits, and comes by and by.

    The guest asks KVM for asynchronous page faults, so workers wait for it.
    """
    with bed.scanner(False), bed.guests(("held",), align="4k") as (held,):
        expected = bed.fill([held])
        vm = host.Vm("held")
        with low_state(max_ms=60000):
            bed.wait_until(lambda: vm.get("on_hold") == 1, "the VM is held")
            held.begin_call("hold", mib=HELD_MIB)
            bed.wait_until(lambda: vm.get("hold_waiters") > 0, "a fault waits")
            # Its VMM has its virtual CPU before anybody lets it go.
            held.qmp("stop")
            check_equal(vm.get("on_hold"), 1, "on hold when it has stopped")
            check(vm.get("hold_ns") < 60 * 10**9, "a wait came to its end first")
            held.qmp("cont")
        held.end_call()
        waited = vm.get("hold_faults")
        with low_state(max_ms=1):
            bed.wait_until(lambda: vm.get("on_hold") == 1, "the VM is held")
            held.call("hold", mib=HELD_MIB + MORE_MIB)
            check_equal(vm.get("on_hold"), 1, "on hold at the end")
        note(f"{waited} faults waited, then {vm.get('hold_faults') - waited}")
        check(vm.get("hold_faults") > waited, "no fault waited")
        check_all(expected, "after it was held")
        bed.check_audit()


def test_first_ept_violation_attaches():
    """A VM is attached when its vCPU faults, not before, and counted then."""
    with bed.guests(("seen",), boot=False, extra=["-S"]) as (seen,):
        vm = host.Vm("seen")
        check_equal(vm.get("attached"), 0, "attached before it ran")
        check_equal(vm.get("ept_violations"), 0, "EPT violations before")
        seen.qmp("cont")
        seen.wait_ready()
        check_equal(vm.get("attached"), 1, "attached")
        check(vm.get("ept_violations") > 0, "no EPT violation was counted")
        check(vm.get("faults") > 0, "no fault was counted")
        first = vm.get("vcpu_time_ns")
        check(first > 0, "no vCPU time was counted")
        seen.call("touch", mib=8)
        check(vm.get("vcpu_time_ns") > first, "vCPU time stands still")


def test_guests_in_directories():
    """QEMU's unlinked file in a directory is a VM named after that.

    These guests' memory is not aligned, so that it gets small frames.
    """
    with bed.scanner(False), bed.guests(("low", "high"), in_directory=True,
                                        align="4k") as started:
        expected = bed.fill(started)
        report = bed.merge_all(started)
        check(report["merged"] > 0, "nothing was merged")
        for each in started:
            vm = host.Vm(each.name)
            check_equal(vm.get("attached"), 1, f"{each.name} attached")
            check(vm.get("shared_bytes") > 0, f"{each.name} shares nothing")
        check_all(expected, "after merging")
        write_all(expected, 1)
        check_all(expected, "after writing")
    check_equal(host.vm_names(), [], "VMs left")


def test_kill_leaves_nothing_behind():
    """kill -9 at random moments: no VM, no memory, no KVM reference stays."""
    seed = random.randrange(1 << 32)
    note(f"seed {seed}")
    moments = random.Random(seed)
    users = bed.kvm_users()
    kill_at_a_moment(moments.uniform(0, 5), sharing=True)
    before = settled_free_kib()
    for nr in range(KILLS):
        moment = moments.uniform(0, 40)
        note(f"killing after {moment:.2f} s")
        kill_at_a_moment(moment, sharing=nr % 2)
        bed.wait_until(lambda: not host.vm_names(), "no VM is left")
        bed.wait_until(lambda: bed.kvm_users() == users,
                       f"KVM's users are {users} again")
        check_equal(list(host.MOUNT.iterdir()), [], "files left")
    bed.wait_until(lambda: before - settled_free_kib() <= LEAK_LIMIT_KIB,
                   f"free memory is within {LEAK_LIMIT_KIB} KiB of {before}; "
                   f"it is {settled_free_kib()}")
    bed.check_audit()


def kill_at_a_moment(seconds, sharing):
    """Start two guests, kill them after some time, perhaps under sharing."""
    with bed.scanner(sharing), bed.guests(("one", "two"),
                                          boot=False) as started:
        for each in started:
            each.begin_call("fill", name=each.name, size_mib=bed.SIZE_MIB,
                            warm_mib=bed.WARM_MIB)
        time.sleep(seconds)
        for each in started:
            each.kill()


def settled_free_kib():
    """Return free memory without caches, when it no longer grows."""
    best, stale = 0, 0
    while stale < 3:
        host.drop_caches()
        time.sleep(0.5)
        now = host.mem_free_kib()
        stale = 0 if now > best + 16 else stale + 1
        best = max(best, now)
    return best


def test_balloon_gives_memory_back():
    """Inflating punches holes, which stay until the balloon is deflated."""
    with bed.scanner(False), bed.guests(("balloon",)) as started:
        expected = bed.fill(started)
        (one,), vm = started, host.Vm("balloon")
        one.call("touch", mib=BALLOON_MIB + 8)
        before = vm.get("backed_bytes")
        inflated = (bed.MEM_MIB - BALLOON_MIB) * MIB
        set_balloon(one, inflated)
        check(vm.get("backed_bytes") <= before - BALLOON_MIB * MIB * 3 // 4,
              f"{before} bytes were backed, {vm.get('backed_bytes')} are")
        check(vm.get("backed_bytes") <= inflated,
              "ballooned pages are still backed")
        check_all(expected, "with the balloon inflated")
        set_balloon(one, bed.MEM_MIB * MIB)
        one.call("touch", mib=BALLOON_MIB)
        check_all(expected, "with the balloon deflated")
        bed.merge_all(started)
        check_all(expected, "after merging")
        bed.check_audit()


def set_balloon(one, size):
    """Have the guest's memory become @size bytes."""
    one.qmp("balloon", value=size)
    bed.wait_until(lambda: one.qmp("query_balloon")["actual"] == size,
                   f"the balloon leaves {size} bytes")


def test_reading_a_guest_fills_no_hole():
    """dump-guest-memory and a migration read holes without filling them."""
    with bed.scanner(False), bed.guests(("holes",)) as started:
        expected = bed.fill(started)
        (one,) = started
        set_balloon(one, (bed.MEM_MIB - BALLOON_MIB) * MIB)
        bed.merge_all(started)
        one.qmp("stop")
        before = storage(one)
        check(before["hole"] >= BALLOON_MIB * MIB // 2, "there are no holes")
        one.qmp("dump_guest_memory", paging=False, protocol="file:/dev/null")
        check_equal(storage(one), before, "storage after the dump")
        one.qmp("migrate", uri="exec:cat >/dev/null")
        bed.wait_until(lambda: bed.migration_ended(one),
                       "the migration ended")
        check_equal(storage(one), before, "storage after the migration")
        one.qmp("cont")
        check_all(expected, "afterwards")


def storage(one):
    """Return what the guest's memory takes, and how much of it is holes."""
    vm = host.Vm(one.name)
    return {"backed": vm.get("backed_bytes"), "zero": vm.get("zero_bytes"),
            "blocks": one.mem_path.stat().st_blocks,
            "hole": hole_bytes(one.mem_path)}


def hole_bytes(path):
    """Return how many bytes of a file lie in holes."""
    handle = os.open(path, os.O_RDONLY)
    try:
        size, at, holes = os.fstat(handle).st_size, 0, 0
        while at < size:
            hole = os.lseek(handle, at, os.SEEK_HOLE)
            at = next_data(handle, hole, size)
            holes += at - hole
        return holes
    finally:
        os.close(handle)


def next_data(handle, at, size):
    """Return where data begins at or after @at; the size if nowhere."""
    try:
        return os.lseek(handle, at, os.SEEK_DATA)
    except OSError:             # ENXIO: none to the end
        return size


def test_direct_disk_io_is_right_under_merging():
    """A cache=none disk reads and writes guest pages that are being merged."""
    with tempfile.TemporaryDirectory() as directory:
        backing = pathlib.Path(directory, "disk")
        with open(backing, "wb") as handle:
            handle.truncate(DISK_MIB * MIB)
        with LoopDevice(backing) as device:
            digest = drive_disk(device)
            check_equal(hashlib.sha256(device.read_bytes()).hexdigest(),
                        digest, "digest of the disk, seen from the host")


def drive_disk(device):
    """Have a guest use @device directly under merging; return its digest."""
    with bed.scanner(False), bed.guests(("direct",),
                                        disk=device) as started:
        expected = bed.fill(started)
        with bed.repeating(lambda: merge_and_rest(started)):
            digest = started[0].call("disk", label="disk", mib=DISK_MIB,
                                     rounds=3)
        check_all(expected, "after direct I/O")
        bed.check_audit()
        return digest


def merge_and_rest(started):
    """Share the memory of @started; leave them some time to run."""
    bed.merge_all(started)
    time.sleep(0.5)


class LoopDevice:
    """A block device on a file: QEMU opens it with O_DIRECT everywhere."""

    def __init__(self, backing):
        self._backing = backing
        self._device = None

    def __enter__(self):
        self._device = subprocess.run(
            ["/sbin/losetup", "--find", "--show", self._backing], text=True,
            check=True, stdout=subprocess.PIPE).stdout.strip()
        return pathlib.Path(self._device)

    def __exit__(self, *_):
        subprocess.run(["/sbin/losetup", "--detach", self._device],
                       check=True)


def test_second_mapping_sees_the_same_memory():
    """Another process that maps a stopped guest sees no change by merging."""
    with bed.scanner(False), bed.guests(("seen", "twin")) as started:
        expected = bed.fill(started)
        for each in started:
            each.qmp("stop")
        before = [mapped_digest(each.mem_path) for each in started]
        report = bed.merge_all(started)
        check(report["merged"] > 0, "nothing was merged")
        after = [mapped_digest(each.mem_path) for each in started]
        check_equal(after, before, "digests of the whole memory")
        for each in started:
            each.qmp("cont")
        check_all(expected, "in the guests")


def test_clones_of_a_template_start_with_its_memory():
    """Guests that start from one snapshot take the memory of one."""
    names = [f"clone{nr}" for nr in range(CLONES)]
    with bed.scanner(False), bed.guests(("template",)) as (template,):
        bed.fill([template])["template"].check("in the template")
        one = host.info()["frames"]
        with bed.clones(template, names) as started:
            check_equal(host.vm_names(), names, "VMs")
            check_started(started, one)
            check_apart(started)
            bed.check_audit()
    check_equal(host.info()["frames"], 0, "frames in use after all ended")


def check_started(started, one):
    """Have the clones run; fail if they take much more than @one frames."""
    loaded = host.info()["frames"]
    for each in started:
        each.qmp("cont")
    guest.wait_all_ready(started)
    frames = host.info()["frames"]
    note(f"frames: template {one}, {len(started)} clones {loaded} when "
         f"loaded, {frames} when they answer")
    check(loaded <= one + one // 50, "loading the state took frames")
    check(frames <= one * 3 // 2, "the clones do not share their memory")


def check_apart(started):
    """Fail unless each clone holds what it must, whatever others write."""
    expected = [bed.Expectation(each, "template") for each in started]
    for each in expected:
        each.check("when it started")
    for nr, writer in enumerate(expected, 1):
        for turn in range(1, nr + 1):
            writer.write(turn)
        for each in expected:
            each.check(f"after write {nr} of clone {nr - 1}")


def mapped_digest(path):
    """Return the digest of a file, read by a mapping of it."""
    with open(path, "rb") as handle, mmap.mmap(
            handle.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
        return hashlib.blake2b(memory).hexdigest()


def check_all(expected, when):
    """Fail unless all guests hold what they must."""
    for each in expected.values():
        each.check(when)


def write_all(expected, nr):
    """Have all guests make write @nr."""
    for each in expected.values():
        each.write(nr)


def chosen(names):
    """Return the tests called @names; all of them if there are none."""
    known = {name.removeprefix("test_"): value
             for name, value in globals().items()
             if name.startswith("test_")}
    if not names:
        return list(known.values())
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no such test: {' '.join(unknown)}; there are: "
                 + " ".join(known))
    return [known[name] for name in names]


if __name__ == "__main__":
    sys.exit(tap.run(chosen(sys.argv[1:])))
