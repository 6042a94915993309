# SPDX-License-Identifier: GPL-2.0
"""Tells a guest that its emulated processor broke from one that died of itself.

QEMU 7.2's emulation of x86 can lose the flags of an instruction that faults: it
has their value in one place and in another how it was to be read.  The fault
then saves a number that never was a value of RFLAGS, and the guest's kernel
takes that over and dies.  No memory is involved: the processor saves its flags
itself, and what it saves has these bits clear whatever memory holds.
"""

import re

# CF PF AF ZF SF TF IF DF OF IOPL NT RF AC VIF VIP ID, and the bit that is always
# set.  VM is not among them: it cannot be set in long mode.
KNOWN = 0x3d7fd7
# A line of the registers that a kernel prints when it dies.
DUMP = re.compile(r"\bRSP: (?:[0-9a-f]{4}:)?[0-9a-f]{16} EFLAGS: ([0-9a-f]{8})\b")


def impossible(console):
    """Return flags in the kernel's last words that no processor can have, or None."""
    for match in DUMP.finditer(console):
        flags = int(match.group(1), 16)
        if flags & ~KNOWN:
            return flags
    return None
