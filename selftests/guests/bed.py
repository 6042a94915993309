# SPDX-License-Identifier: GPL-2.0
"""What tests with guests need: guests on esxmem, known contents, patience."""

import contextlib
import pathlib
import tempfile
import threading
import time

import content
import guest
import host
import image
from tap import check, check_equal

MEM_MIB = 192
SIZE_MIB = 4
WARM_MIB = 16
GROUP = "tests"
# Not a measure of speed: how long to wait for what must come.
PATIENCE_S = 120


@contextlib.contextmanager
def guests(names, boot=True, in_directory=False, **options):
    """Start guests of one trust group; yield them when they have booted."""
    with contextlib.ExitStack() as stack:
        work = stack.enter_context(tempfile.TemporaryDirectory())
        started = []
        for name in names:
            path = host.MOUNT / name
            if in_directory:
                path.mkdir()
                stack.callback(path.rmdir)
            new = guest.Guest(name, image.get(), work, mem_mib=MEM_MIB,
                              mem_path=path, **options)
            started.append(stack.enter_context(new))
            host.Vm(name).set("group", GROUP)
        if boot:
            guest.wait_all_ready(started)
        yield started


@contextlib.contextmanager
def clones(template, names):
    """End @template; yield guests that go on from where it was, stopped.

    Each has a clone of its memory, and salts of their own: being put into a
    group would give them frames of their own.
    """
    with contextlib.ExitStack() as stack:
        work = stack.enter_context(tempfile.TemporaryDirectory())
        state = save_state(template, work)
        started = []
        for name in names:
            path = host.MOUNT / name
            host.clone(template.mem_path, path)
            stack.callback(path.unlink, missing_ok=True)
            started.append(guest.Guest(
                name, image.get(), work, mem_mib=MEM_MIB, mem_path=path,
                extra=["-incoming", "defer"]))
        template.kill()
        for each in started:
            stack.enter_context(each)
            load_state(each, state)
        yield started


def save_state(template, work):
    """Stop @template and save all of it but its memory; return where."""
    state = pathlib.Path(work) / "state"
    template.qmp("stop")
    leave_memory_alone(template)
    template.qmp("migrate", uri=f"exec:cat >{state}")
    wait_until(lambda: migration_ended(template), "the state is saved")
    return state


def load_state(each, state):
    """Have a guest that was started for it take over a state."""
    leave_memory_alone(each)
    each.qmp("migrate_incoming", uri=f"exec:cat {state}")
    wait_until(lambda: migration_ended(each), "the state is loaded")


def leave_memory_alone(each):
    """Have migrations of a guest pass over memory in shared files."""
    each.qmp("migrate_set_capabilities", capabilities=[
        {"capability": "x-ignore-shared", "state": True}])


def migration_ended(one):
    """Say whether the migration is over; fail if it failed."""
    status = one.qmp("query_migrate").get("status")
    check(status != "failed", "the migration failed")
    return status == "completed"


def fill(started):
    """Have each guest make its content; return what tells right from wrong."""
    for each in started:
        each.call("fill", name=each.name, size_mib=SIZE_MIB,
                  warm_mib=WARM_MIB)
    return {each.name: Expectation(each, each.name) for each in started}


class Expectation:
    """What a guest must hold, made outside it."""

    def __init__(self, who, filled_as):
        self._guest = who
        self._usr = image.get().usr_digest(WARM_MIB)
        self._content = content.Content(filled_as, SIZE_MIB)

    def write(self, nr):
        """Have the guest make write @nr, and make it here as well."""
        self._guest.call("write", nr=nr)
        self._content.write(nr)

    def check(self, when):
        """Fail unless the guest holds what it must."""
        reply = self._guest.call("digests")
        wanted = dict(self._content.digests(), usr=self._usr)
        for kind, digest in wanted.items():
            check_equal(reply["digests"][kind], digest,
                        f"{self._guest.name}: {kind} {when}")
        check_equal(reply["usr_sectors"], 0, f"{self._guest.name}: sectors "
                    "read, so that the files of /usr were not in memory")


def merge_all(started):
    """Share the memory of @started now; return the sums of the reports."""
    reports = [host.merge(each.mem_path) for each in started]
    return {name: sum(report[name] for report in reports)
            for name in reports[0]}


def wait_until(condition, what):
    """Wait for @condition to become true; fail if it does not."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        check(time.monotonic() < deadline, f"not even after {PATIENCE_S} s: "
              f"{what}")
        time.sleep(0.1)


def check_audit():
    """Fail if a page map breaks an invariant."""
    found = host.audit()
    check_equal(found["violations"], 0, f"violations found by {found}")


@contextlib.contextmanager
def scanner(running):
    """Have the background scanner off, or on without a limit, in the body.

    It breaks 2 MB frames at first sight, or there would be little to share.
    """
    knobs = {"break_large": "always", "pages_per_second": 0,
             "cpu_percent": 100, "run": int(running)}
    saved = {name: host.read_knob(f"share/{name}") for name in knobs}
    try:
        for name, value in knobs.items():
            host.write_knob(f"share/{name}", value)
        yield
    finally:
        for name, value in saved.items():
            host.write_knob(f"share/{name}", value)


@contextlib.contextmanager
def repeating(action):
    """Repeat @action in a thread while the body runs; its failure counts."""
    stop, failures = threading.Event(), []

    def loop():
        try:
            while not stop.is_set():
                action()
        except Exception as error:      # handed to the test's own thread
            failures.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def kvm_users():
    """Return how many references there are to the processor's KVM module."""
    return sum(int(path.read_text()) for path in
               pathlib.Path("/sys/module").glob("kvm_[ai]*/refcnt"))
