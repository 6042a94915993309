# SPDX-License-Identifier: GPL-2.0
"""A guest whose NUMA nodes are of different kinds of memory.

	esxmem		a memory file, 2 MB frames
	anonymous	anonymous memory, transparent huge pages

Node 0 is anonymous and has the processor; so all that does not ask for another
node is there.  So is the last one: QEMU and the kernel put things at the end of
memory before there are nodes.  The kernel itself could be anywhere if it chose.
"""

import contextlib
import pathlib
import re
import tempfile

import host
import image
import machines

NAME = "esxmem"
LAST_MIB = 64
HEADER = re.compile(r"([0-9a-f]+)-([0-9a-f]+) [-rwxps]{4} ")


@contextlib.contextmanager
def guest(kinds, node_mib):
    """A guest that has been started; @kinds are {name: kind} of node 1 and those after it."""
    path = host.MOUNT / NAME
    options = ["-machine", "q35,mem-merge=off"]
    sizes = [machines.MEM_MIB, *[node_mib] * len(kinds), LAST_MIB]
    for number, kind in enumerate(["anonymous", *kinds.values(), "anonymous"]):
        size = sizes[number]
        processors = "" if number else "cpus=0,"
        options += ["-object", backend(kind, f"node{number}", size, path),
                    "-numa", f"node,nodeid={number},{processors}memdev=node{number}"]
    try:
        with tempfile.TemporaryDirectory() as work, machines.OtherMemory(
                "bench", image.get(), work, options=options,
                mem_mib=sum(sizes), parameters="nokaslr") as started:
            started.node_mib = node_mib
            yield started
    finally:
        path.unlink(missing_ok=True)


def backend(kind, ident, mib, path):
    """Return the option for a memory backend of QEMU's."""
    if kind == "esxmem":
        return (f"memory-backend-file,id={ident},size={mib}M,share=on,align=2M,"
                f"mem-path={path}")
    return f"memory-backend-ram,id={ident},size={mib}M,merge=off"


def vcpu_ns(started):
    """Return the CPU time of the guest's only processor."""
    thread = started.qmp("query_cpus_fast")[0]["thread-id"]
    stat = pathlib.Path(f"/proc/{started.process.pid}/task/{thread}/schedstat")
    return int(stat.read_text().split()[0])


def huge_on_host(started, kinds):
    """Return {name: KiB of large pages} of the nodes after the first."""
    smaps = pathlib.Path(f"/proc/{started.process.pid}/smaps").read_text()
    size = started.node_mib * 1024
    anonymous = iter(sorted(found["AnonHugePages"] for found in mappings(smaps).values()
                            if found["Size"] == size and found["Anonymous"]))
    return {name: host.Vm(NAME).get("huge_bytes") // 1024 if kind == "esxmem"
            else next(anonymous, None) for name, kind in kinds.items()}


def bound(numa_maps, smaps):
    """Return {node: (KiB that are on it, KiB of them huge)} of what is bound to a node."""
    huge = {start: found["AnonHugePages"] for start, found in mappings(smaps).items()}
    result = {}
    for line in numa_maps.splitlines():
        start, policy, *words = line.split()
        if not policy.startswith("bind:"):
            continue
        node = int(policy.partition(":")[2])
        pages = sum(int(word.partition("=")[2]) for word in words
                    if word.startswith(f"N{node}="))
        there, large = result.get(node, (0, 0))
        result[node] = (there + pages * host.PAGE // 1024, large + huge[int(start, 16)])
    return result


def mappings(smaps):
    """Return {start: {field: number}} of a process's mappings."""
    result, fields = {}, None
    for line in smaps.splitlines():
        header = HEADER.match(line)
        if header:
            fields = result[int(header.group(1), 16)] = {}
        elif line.endswith(" kB"):
            name, value, _ = line.split()
            fields[name.rstrip(":")] = int(value)
    return result
