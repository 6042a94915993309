# SPDX-License-Identifier: GPL-2.0
"""Faults and 2 MB mappings to boot a guest until its agent answers.

"faults" are those that KVM had to fix for the guest.  "minor_faults" are those
of the whole of QEMU, its own memory among them: they vary by hundreds.
"""

import free_memory
import image
import knobs
from knobs import ESXMEM, KSM, THP
import machines

PEERS = ("memfd_huge", "tmpfs_huge", "anon_thp")


def measure(request):
    """Return the cell's figures."""
    arms = {"esxmem": lambda: boot("esxmem"),
            **{kind: lambda kind=kind: boot(kind) for kind in PEERS}}
    with knobs.held({THP / "enabled": "always", THP / "shmem_enabled": "always",
                     ESXMEM / "large_pages": "always", ESXMEM / "share/run": 1,
                     KSM / "run": 0}):
        return request.measure_arms(arms, 2, notes=[
            f"a guest of {machines.MEM_MIB} MiB, esxmem's scanner at its defaults, KSM off; "
            "QEMU maps a memfd where it cannot be mapped by 2 MB pages, so the tmpfs"])


def boot(kind):
    """Boot a guest; return what it took."""
    warm_up()
    with machines.machine(kind) as guest:
        guest.wait_ready()
        figures = machines.kvm_figures(guest.process)
        figures["minor_faults"] = machines.minor_faults(guest.process)
    mapped = figures["pages_2m"] * 512 + figures["pages_4k"]
    return {"faults": figures["pf_fixed"], "mappings_2m": figures["pages_2m"],
            "share_2m": figures["pages_2m"] * 512 / mapped, **figures}


def warm_up():
    """Put free memory together, and have what boots in memory."""
    free_memory.settle()
    made = image.get()
    for path in (made.kernel, made.initrd, made.disk):
        path.read_bytes()
