#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Does a known amount of sharing on one memory file: load.py FILE

64 pages: 32 in pairs of equal ones, 16 of zeros, 16 with no twin.  Shares them
with ESXMEM_IOC_MERGE and then writes to each pair and each zero page.  Prints
what the kernel says it did as KEY=NUMBER lines.
"""

import fcntl
import mmap
import os
import struct
import sys

PAGE = 4096
PAIRS, ZEROS, UNIQUE = 16, 16, 16
PAGES = 2 * PAIRS + ZEROS + UNIQUE
# struct esxmem_merge: size flags fd reserved, then offset to skipped.
MERGE = struct.Struct("IIiI12Q")
ESXMEM_IOC_MERGE = 3 << 30 | MERGE.size << 16 | 0xE6 << 8 | 0x01


def fill(memory):
    for number in range(PAGES):
        if number < 2 * PAIRS:
            content = b"pair %d" % (number // 2)
        elif number < 2 * PAIRS + ZEROS:
            # Written, so that there is a frame to give up.
            memory[number * PAGE] = 1
            memory[number * PAGE] = 0
            continue
        else:
            content = b"unique %d" % number
        memory[number * PAGE:number * PAGE + len(content)] = content


def merge(fd):
    with open("/dev/esxmem", "rb", buffering=0) as dev:
        arg = bytearray(MERGE.pack(MERGE.size, 0, fd, 0, *[0] * 12))
        fcntl.ioctl(dev, ESXMEM_IOC_MERGE, arg)
    return MERGE.unpack(arg)[6:]


def main():
    path = sys.argv[1]
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.ftruncate(fd, PAGES * PAGE)
        with mmap.mmap(fd, PAGES * PAGE) as memory:
            fill(memory)
            _, merged, zero, hints = merge(fd)[:4]
            for number in range(2 * PAIRS + ZEROS):
                memory[number * PAGE + 100] = 7
        vm = "/sys/kernel/esxmem/vms/" + os.path.basename(path)
        print(f"merged={merged}")
        print(f"zero={zero}")
        print(f"hint={hints}")
        for figure in ("cow_breaks", "faults"):
            with open(f"{vm}/{figure}", encoding="ascii") as file:
                print(f"{figure}={file.read().strip()}")
    finally:
        os.close(fd)
        os.unlink(path)


if __name__ == "__main__":
    main()
