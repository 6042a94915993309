# SPDX-License-Identifier: GPL-2.0
"""Files of sysfs that are set for a while."""

import contextlib
import pathlib

ESXMEM = pathlib.Path("/sys/kernel/esxmem")
KSM = pathlib.Path("/sys/kernel/mm/ksm")
THP = pathlib.Path("/sys/kernel/mm/transparent_hugepage")
VM = pathlib.Path("/proc/sys/vm")


def read(path):
    """Return what a file says; of "a [b] c" it is b."""
    text = path.read_text().strip()
    if "[" in text:
        return text.partition("[")[2].partition("]")[0]
    return text


def number(path):
    """Return the number that a file holds."""
    return int(path.read_text())


def write(path, value):
    """Write to a file."""
    path.write_text(f"{value}\n")


@contextlib.contextmanager
def held(values):
    """Have files {path: value} hold values in the body, and then the old ones."""
    old = {path: read(path) for path in values}
    try:
        for path, value in values.items():
            write(path, value)
        yield
    finally:
        for path, value in old.items():
            write(path, value)
