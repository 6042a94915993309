# SPDX-License-Identifier: GPL-2.0
"""Guests on the kinds of memory that are compared.

	esxmem		a memory file, 2 MB frames
	anon_thp	anonymous memory, transparent huge pages
	memfd_huge	a memfd as QEMU makes it, huge pages allowed
	tmpfs_huge	a file of a tmpfs of huge pages, mapped aligned to 2 MB
	ksm		anonymous memory that KSM may merge
"""

import contextlib
import pathlib
import subprocess
import tempfile

import guest
import host
import image

MEM_MIB = 192
HUGE_TMPFS = pathlib.Path("/run/bench-huge")


class OtherMemory(guest.Guest):
    """A guest whose memory is described by QEMU options."""

    def __init__(self, *arguments, options=(), **more):
        super().__init__(*arguments, **more)
        self._options = list(options)

    def _memory_options(self):
        return ["-m", str(self.mem_mib), *self._options]


@contextlib.contextmanager
def machine(kind, name="bench", mem_mib=MEM_MIB, **more):
    """A guest of a kind that has been started, and boots."""
    with contextlib.ExitStack() as stack:
        work = stack.enter_context(tempfile.TemporaryDirectory())
        if kind == "tmpfs_huge":
            stack.enter_context(huge_tmpfs())
        yield stack.enter_context(
            KINDS[kind](name, image.get(), work, mem_mib=mem_mib, **more))


def on_esxmem(name, *arguments, **more):
    """A guest on a memory file."""
    return guest.Guest(name, *arguments, mem_path=host.MOUNT / name, **more)


def on_ksm(*arguments, **more):
    """A guest on anonymous memory offered to KSM."""
    return OtherMemory(*arguments, options=["-machine", "q35,mem-merge=on"], **more)


def on_memfd(*arguments, mem_mib, **more):
    """A guest on a memfd."""
    return on_backend(f"memory-backend-memfd,id=ram,size={mem_mib}M,share=on,hugetlb=off",
                      *arguments, mem_mib=mem_mib, **more)


def on_tmpfs(*arguments, mem_mib, **more):
    """A guest on a file of a tmpfs."""
    return on_backend(f"memory-backend-file,id=ram,size={mem_mib}M,share=on,align=2M,"
                      f"mem-path={HUGE_TMPFS}", *arguments, mem_mib=mem_mib, **more)


def on_backend(backend, *arguments, **more):
    """A guest on a memory backend of QEMU's."""
    return OtherMemory(*arguments, options=["-machine", "q35,memory-backend=ram",
                                            "-object", backend], **more)


KINDS = {"esxmem": on_esxmem, "anon_thp": guest.Guest, "memfd_huge": on_memfd,
         "tmpfs_huge": on_tmpfs, "ksm": on_ksm}


@contextlib.contextmanager
def huge_tmpfs():
    """A tmpfs that gives huge pages where it can."""
    HUGE_TMPFS.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "huge=always", "bench", HUGE_TMPFS],
                   check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", HUGE_TMPFS], check=True)


def kvm_figures(process):
    """Return the figures of KVM's debugfs for the only guest of @process."""
    directory, = pathlib.Path("/sys/kernel/debug/kvm").glob(f"{process.pid}-*")
    names = ("pages_4k", "pages_2m", "pf_fixed", "pf_taken")
    return {name: int((directory / name).read_text()) for name in names}


def minor_faults(process):
    """Return how many faults the process has taken that read nothing."""
    stat = pathlib.Path(f"/proc/{process.pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[7])
