# SPDX-License-Identifier: GPL-2.0
"""Leads the sampler by hand, and knows the truth: every page's accessed bit."""

import contextlib
import pathlib

from holder import Hold, check_audit
import host
import knobs
from knobs import ESXMEM
from scanners import wait_for

TAX = ESXMEM / "tax"
DEBUG = pathlib.Path("/sys/kernel/debug")
STEP = DEBUG / "esxmem/sample"
YOUNG = DEBUG / "esxmem_kvm/young"
CLEAR_YOUNG = DEBUG / "esxmem_kvm/clear_young"


class Wrong(Exception):
    """The sampler did not do what it was set to."""


def step(what):
    """Have all VMs begin a period, look, or end it."""
    knobs.write(STEP, what)


def clear_young():
    """Forget the accesses of all guests."""
    knobs.write(CLEAR_YOUNG, 1)


def young_pages(pid):
    """Return how many pages the guest of process @pid accessed since then."""
    return young_of(YOUNG.read_text(), pid)


def young_of(text, pid):
    """The same from what the file says."""
    for line in text.splitlines():
        words = line.split()
        if words[0] == str(pid):
            return int(words[1])
    raise Wrong(f"{YOUNG} does not know process {pid}")


@contextlib.contextmanager
def settings(large_pages="never", run=0, **tax):
    """Have the sampler's knobs so in the body, and no scanner."""
    with knobs.held({ESXMEM / "share/run": 0, ESXMEM / "large_pages": large_pages,
                     TAX / "sample_run": run,
                     **{TAX / f"sample_{name}": value for name, value in tax.items()}}):
        yield


@contextlib.contextmanager
def bare_machine(mib, seed):
    """A virtual machine without a system: it accesses what it is told to, no more.

    Its memory is filled and mapped; whoever uses it leaves it as it is.
    """
    with Hold("file", "unique", mib, seed) as hold:
        hold.do("machine")
        wait_for(lambda: host.Vm(Hold.NAME).get("attached"), "the machine is attached")
        yield hold
        hold.check()
    check_audit()


def period(vm):
    """Return what the last period says: (sampled, touched)."""
    return vm.get("sampled_pages"), vm.get("touched_pages")
