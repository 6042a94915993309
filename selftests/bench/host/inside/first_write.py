# SPDX-License-Identifier: GPL-2.0
"""First stores to shared pages, against those to pages shared by fork().

Every page has one twin and all are shared; esxmem's are unmapped, as sharing
leaves them ("ns"), or mapped read-only, for they were read before ("ns_read").
fork()'s and KSM's are always mapped.  "again_ns" is a second store: the loop.
"""

import contextlib

from holder import Hold, check_audit
import knobs
from knobs import ESXMEM
import scanners

PASSES = 3


def measure(request):
    """Return the cell's figures."""
    mib = request.size(32, 8)
    arms = {"esxmem": lambda: esxmem(mib, request.seed),
            "fork_cow": lambda: fork_cow(mib, request.seed),
            "ksm": lambda: ksm(mib, request.seed)}
    with knobs.held({ESXMEM / "large_pages": "never"}):
        return request.measure_arms(arms, 4, notes=[
            f"{mib} MiB in 4 KB pages, all in pairs, stored to in random order"])


def stores(hold):
    """Store to each page; return the figures."""
    first, second = hold.do("store"), hold.do("store")
    hold.check()
    return {"ns": first["median"], "ns_p90": first["p90"], "ns_p99": first["p99"],
            "ns_mean": first["mean"], "again_ns": second["median"]}


def fork_cow(mib, seed):
    """The parent stores to what it has in common with a child."""
    with Hold("small", "pairs", mib, seed) as hold:
        hold.do("fork")
        return also_as_read(stores(hold))


def ksm(mib, seed):
    """The process stores to what KSM has merged."""
    with shared(scanners.Ksm(smart=False), "small", mib, seed) as hold:
        return also_as_read(stores(hold))


def esxmem(mib, seed):
    """The process stores to what esxmem shares, unmapped and mapped."""
    with shared(scanners.Esxmem(), "file", mib, seed) as hold:
        unmapped = stores(hold)
    with shared(scanners.Esxmem(), "file", mib, seed) as hold:
        hold.do("read")
        mapped = stores(hold)
    check_audit()
    return {**unmapped, **as_read(mapped)}


@contextlib.contextmanager
def shared(scanner, memory, mib, seed):
    """Memory all of whose pages @scanner has merged."""
    with Hold(memory, "pairs", mib, seed) as hold:
        with scanner.ready():
            scanner.scan(PASSES)
            merged = scanner.merged_pages()
        if merged != hold.pages:
            raise RuntimeError(f"{merged} of {hold.pages} pages are merged")
        yield hold


def as_read(figures):
    """Return the figures by the names of those of pages mapped before."""
    return {name.replace("ns", "ns_read", 1): value
            for name, value in figures.items() if name.startswith("ns")}


def also_as_read(figures):
    """Return the figures by both names: the pages are always mapped."""
    return {**figures, **as_read(figures)}
