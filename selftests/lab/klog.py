# SPDX-License-Identifier: GPL-2.0
"""Decides from a kernel log whether the kernel was in trouble.

The list is explicit.  Matching any "WARNING" or "INFO" would trip over lines
that mean nothing ("module verification failed", "WARNING: Unprivileged eBPF
is enabled", "INFO: NMI handler took too long" on a busy emulator).
"""

import re

# Each pattern has to match at the start of a message, after the time stamp
# and an optional prefix such as "rcu: " or "watchdog: ".
PATTERNS = (
    # panic(), including those made of a warning or an oops.
    r"Kernel panic - not syncing",
    # Oopses.  A trap in user space starts with "traps: " and is no matter.
    r"Oops: ",
    r"general protection fault, ",
    r"double fault: ",
    r"kernel BUG at ",
    r"kernel tried to execute ",
    # "BUG: " heads bad pages, rss counters, KASAN, KFENCE, soft lockups,
    # sleeping in atomic context, workqueue lockups and much else.
    r"BUG: ",
    # SLUB: "BUG kmalloc-64 (Tainted: G ...): Redzone overwritten".
    r"BUG \S+ \(.*\): ",
    # WARN() and its kind.
    r"WARNING: CPU: \d+ PID: \d+ at ",
    # lockdep and PROVE_RCU, by their titles.
    r"WARNING: possible circular locking dependency",
    r"WARNING: possible recursive locking",
    r"WARNING: possible irq lock inversion",
    r"WARNING: inconsistent lock state",
    r"WARNING: .*-safe -> .*-unsafe lock order",
    r"WARNING: Nested lock was not taken",
    r"WARNING: chain_key collision",
    r"WARNING: bad unlock balance",
    r"WARNING: bad contention",
    r"WARNING: held lock freed",
    r"WARNING: .* still has locks held",
    r"WARNING: lock held when returning to user space",
    r"WARNING: suspicious RCU usage",
    r"\[ BUG: Invalid wait context \]",
    r"INFO: trying to register non-static key",
    r"turning off the locking correctness validator",
    # Something did not get on.
    r"INFO: task .* blocked for more than \d+ seconds",
    r"INFO: \S+ (self-)?detected (expedited )?stalls? ",
    r"watchdog: Watchdog detected hard LOCKUP",
    # Checkers with titles of their own.
    r"UBSAN: ",
    r"ODEBUG: ",
    r"kmemleak: \d+ new suspected memory leaks",
    r"list_(add|del) corruption",
    r"VFS: Busy inodes after unmount",
)

STAMP = r"^(<\d+>)?(\[ *\d+\.\d+\](\[ *[TC]\d+\])? )?"
PREFIX = r"([\w-]+: )?"
TROUBLE = re.compile(STAMP + PREFIX + "(" + "|".join(PATTERNS) + ")")

LINES_BEFORE = 8
LINES_AFTER = 70


def find_trouble(lines, allowed=()):
    """Return the index of the first line of trouble, or None.

    A line that one of the regular expressions @allowed matches is passed over.
    """
    for number, line in enumerate(lines):
        if TROUBLE.match(line) and not any(re.search(pattern, line)
                                           for pattern in allowed):
            return number
    return None


def excerpt(lines, number):
    """Return the part of the log around line @number, for people."""
    first = max(0, number - LINES_BEFORE)
    return lines[first:number + LINES_AFTER]


def split(data):
    """Split a serial console's bytes into lines."""
    text = data.decode("utf-8", "replace").replace("\r", "")
    return text.split("\n")
