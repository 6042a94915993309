# SPDX-License-Identifier: GPL-2.0
"""Reads and drives esxmem on this host: sysfs, the control device, the mount.

The structures repeat esxmem/uapi/esxmem.h field by field.
"""

import contextlib
import ctypes
import fcntl
import os
import pathlib

MOUNT = pathlib.Path("/run/esxmem")
SYSFS = pathlib.Path("/sys/kernel/esxmem")
DEVICE = "/dev/esxmem"
IOC_TYPE = 0xE6
IOC_READ_WRITE = 3
FICLONE = 0x40049409
PAGE = 4096
MIB = 1 << 20


class Sized(ctypes.Structure):
    """An extensible structure of the control device."""

    def __init__(self, **fields):
        super().__init__(size=ctypes.sizeof(self), **fields)

    def submit(self):
        """Hand the structure to the kernel, which fills it in."""
        request = (IOC_READ_WRITE << 30 | ctypes.sizeof(self) << 16 |
                   IOC_TYPE << 8 | self.NUMBER)
        device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, request, self)
        finally:
            os.close(device)
        return self

    def figures(self):
        """Return the 64-bit fields, which are the results, by name."""
        return {name: getattr(self, name) for name, kind in self._fields_
                if kind is ctypes.c_uint64}


def fields(*names, kind=ctypes.c_uint64):
    """Describe structure members of one kind."""
    return [(name, kind) for name in names]


class Info(Sized):
    """struct esxmem_info"""
    NUMBER = 0
    _fields_ = fields("size", "flags", "abi_version", "nr_vms", "nr_files",
                      "reserved", kind=ctypes.c_uint32) + fields(
        "size_pages", "private_pages", "shared_pages", "zero_pages",
        "huge_pages", "shared_frames", "frames", "hints", "pages_scanned",
        "pages_merged", "zero_merged", "cow_breaks", "full_scans",
        "hash_mismatches", "false_matches", "pinned", "busy", "huge_broken")


class Merge(Sized):
    """struct esxmem_merge"""
    NUMBER = 1
    _fields_ = fields("size", "flags", kind=ctypes.c_uint32) + [
        ("fd", ctypes.c_int32), ("reserved", ctypes.c_uint32)] + fields(
        "offset", "length", "visited", "merged", "zero", "hints", "already",
        "pinned", "busy", "changed", "huge_broken", "skipped")


class Audit(Sized):
    """struct esxmem_audit"""
    NUMBER = 3
    _fields_ = fields("size", "flags", kind=ctypes.c_uint32) + fields(
        "files", "violations", "pages", "private_pages", "shared_pages",
        "zero_pages", "huge_pages", "shared_frames", "bad_state_sums",
        "bad_refs", "bad_salts", "bad_hints")


def info():
    """Return the host's figures."""
    return Info().submit().figures()


def audit():
    """Return what the walk over all page maps found."""
    return Audit().submit().figures()


def merge(path):
    """Share the file or VM directory at @path now; return the report."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        report = Merge(fd=handle).submit().figures()
    finally:
        os.close(handle)
    del report["offset"], report["length"]
    return report


def clone(source, path):
    """Make the memory file @path a clone of @source."""
    with open(source, "rb") as old, open(path, "xb") as new:
        fcntl.ioctl(new, FICLONE, old.fileno())


def read_knob(name):
    """Return the text of a sysfs file."""
    return (SYSFS / name).read_text().strip()


def write_knob(name, value):
    """Write to a sysfs file."""
    (SYSFS / name).write_text(f"{value}\n")


def vm_names():
    """List the VMs that esxmem knows."""
    vms = SYSFS / "vms"
    return sorted(entry.name for entry in vms.iterdir())


class Vm:
    """A VM's directory in sysfs."""

    def __init__(self, name):
        self.name = name
        self._directory = SYSFS / "vms" / name.replace("/", "!")

    def exists(self):
        """Say whether esxmem knows the VM."""
        return self._directory.is_dir()

    def get(self, knob):
        """Return a number."""
        return int((self._directory / knob).read_text())

    def set(self, knob, value):
        """Write a value."""
        (self._directory / knob).write_text(f"{value}\n")

    def figures(self):
        """Return all numbers by name."""
        names = ("size_bytes", "backed_bytes", "private_bytes",
                 "shared_bytes", "zero_bytes", "huge_bytes", "cow_breaks",
                 "faults", "merged_pages", "attached", "ept_violations",
                 "vmm_faults", "vcpu_time_ns")
        return {name: self.get(name) for name in names}


def mem_free_kib():
    """Return the host's free memory, by its own account.

    MemFree leaves out what waits in the per-CPU lists of the page allocator,
    among them some 2 MB pages.  Both are taken from one file: pages move from
    one to the other, a batch at a time, and would be counted twice.
    """
    lines = [line.split() for line in open("/proc/zoneinfo", encoding="ascii")]
    free = sum(int(line[2]) for line in lines if line[:2] == ["pages", "free"])
    listed = sum(int(line[1]) for line in lines if line[:1] == ["count:"])
    return (free + listed) * PAGE // 1024


def drop_caches():
    """Have the kernel give up page cache, reclaimable slab, empty slabs."""
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")
    for shrink in pathlib.Path("/sys/kernel/slab").glob("*/shrink"):
        with contextlib.suppress(OSError):      # some caches refuse
            shrink.write_text("1\n")
