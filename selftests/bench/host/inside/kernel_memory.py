# SPDX-License-Identifier: GPL-2.0
"""What the kernel's own memory for esxmem amounts to."""

import pathlib
import re

import free_memory

PAGE = 4096
# Slab caches of esxmem's own, that of the trees it keeps things in, and those
# of what it has from kmalloc(), in which others have a little as well.
CACHES = re.compile(r"^(esx_\w+|radix_tree_node|kmalloc-cg-\w+) ")
AREA = re.compile(r"^0x\S+\s+(\d+) .*\besx_")


def settled():
    """Return {cache or area: bytes}, after what is kept for later is dropped."""
    free_memory.settle()
    return {**slabs(), "vmalloc": areas()}


def slabs():
    """Return the bytes of whole slabs by cache, empty places included."""
    found = {}
    for line in pathlib.Path("/proc/slabinfo").read_text().splitlines():
        if CACHES.match(line):
            words = line.split()
            pages_of_slab, slabs_of_cache = int(words[5]), int(words[14])
            found[words[0]] = pages_of_slab * slabs_of_cache * PAGE
    return found


def areas():
    """Return the bytes of what esxmem has from vmalloc()."""
    total = 0
    for line in pathlib.Path("/proc/vmallocinfo").read_text().splitlines():
        match = AREA.match(line)
        # Of each area a page is a guard.
        total += int(match.group(1)) - PAGE if match else 0
    return total


def growth(before, after):
    """Return by how much each has grown."""
    return {name: after[name] - before.get(name, 0) for name in after}
