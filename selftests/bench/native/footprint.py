# SPDX-License-Identifier: GPL-2.0
"""What a kernel's memory is spent on, and what has come to it since.

Metadata is what the slab and vmalloc say, and whatever pages are gone that no
account of the kernel names: a table may be made of bare pages.
"""

import re

# Caches that may hold metadata of either side.
CACHES = re.compile(r"(esx_|ksm_|radix_tree_node$|kmalloc-)")
# Accounts of pages in meminfo that have nothing to do with each other.
ACCOUNTS = ("Slab", "VmallocUsed", "PageTables", "KernelStack", "AnonPages", "Cached",
            "Buffers", "SwapCached")
BARE = "bare pages"


def take(worker):
    """Read all accounts, in bytes."""
    meminfo = meminfo_of(worker.text("/proc/meminfo"))
    sizes = slabs_of(worker.text("/proc/slabinfo"))
    sizes["vmalloc"] = meminfo["VmallocUsed"]
    free = meminfo["MemFree"] + waiting_in(worker.text("/proc/zoneinfo"))
    named = sum(meminfo.get(name, 0) for name in ACCOUNTS)
    sizes[BARE] = meminfo["MemTotal"] - free - named
    return sizes


def meminfo_of(text):
    """Parse meminfo."""
    found = re.findall(r"^(\S+): +(\d+) kB", text, re.M)
    return {name: int(kib) * 1024 for name, kib in found}


def slabs_of(text):
    """Bytes of each cache of interest, by its slabs."""
    sizes = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > 14 and CACHES.match(words[0]):
            sizes[words[0]] = int(words[14]) * int(words[5]) * 4096
    return sizes


def waiting_in(text):
    """Free memory in the per-CPU lists, which MemFree leaves out."""
    pages = 0
    for sets in re.findall(r"pagesets\n(.*?)(?=^Node|\Z)", text, re.M | re.S):
        pages += sum(map(int, re.findall(r"^ +count: (\d+)", sets, re.M)))
    return pages * 4096


def growth(before, after, frames):
    """What has grown, by name; @frames is memory that bare pages are no metadata."""
    grown = {name: size - before.get(name, 0) for name, size in after.items()}
    grown[BARE] = max(0, grown[BARE] - frames)
    return {name: size for name, size in grown.items() if size}
