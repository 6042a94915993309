#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests which kernel log lines count as trouble.  Prints TAP."""

import sys

sys.dont_write_bytecode = True

import klog                                             # noqa: E402

TROUBLE = (
    "[    9.1] Kernel panic - not syncing: sysrq triggered crash",
    "[    9.1] BUG: kernel NULL pointer dereference, address: 0000000000000000",
    "[    9.1] BUG: unable to handle page fault for address: ffffffffffffff00",
    "[    9.1] Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI",
    "[    9.1] Oops: general protection fault, maybe for address 0x0: 0000 [#1]",
    "[    9.1] general protection fault, probably for non-canonical address 0x1",
    "[    9.1] kernel BUG at mm/filemap.c:12!",
    "[    9.1] WARNING: CPU: 0 PID: 71 at esxmem/pmap.c:12 esx_pmap_set+0x1/0x2",
    "[    9.1][  T71] WARNING: CPU: 0 PID: 71 at a.c:1 f+0x1/0x2 [esxmem]",
    "[    9.1] INFO: task kworker/0:1:10 blocked for more than 122 seconds.",
    "[    9.1] watchdog: BUG: soft lockup - CPU#0 stuck for 63s! [sh:71]",
    "[    9.1] rcu: INFO: rcu_preempt self-detected stall on CPU",
    "[    9.1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "[    9.1] rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: {",
    "[    9.1] BUG: Bad page state in process sh  pfn:01234",
    "[    9.1] BUG: Bad rss-counter state mm:0000 type:MM_SHMEMPAGES val:1",
    "[    9.1] WARNING: possible circular locking dependency detected",
    "[    9.1] WARNING: possible recursive locking detected",
    "[    9.1] WARNING: inconsistent lock state",
    "[    9.1] WARNING: suspicious RCU usage",
    "[    9.1] WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected",
    "[    9.1] WARNING: lock held when returning to user space!",
    "[    9.1] INFO: trying to register non-static key.",
    "[    9.1] BUG: sleeping function called from invalid context at a.c:1",
    "[    9.1] BUG: scheduling while atomic: sh/71/0x00000002",
    "[    9.1] BUG: KASAN: slab-use-after-free in f+0x1/0x2",
    "[    9.1] BUG: KFENCE: out-of-bounds read in f+0x1/0x2",
    "[    9.1] UBSAN: array-index-out-of-bounds in a.c:1:2",
    "[    9.1] ODEBUG: free active (active state 0) object: 0 object type: timer",
    "[    9.1] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug)",
    "[    9.1] BUG esx_entry (Tainted: G    B  O  ): Redzone overwritten",
    "[    9.1] BUG esx_entry (Not tainted): Objects remaining in esx_entry",
    "[    9.1] list_del corruption. prev->next should be 0, but was 1",
    "[    9.1] VFS: Busy inodes after unmount of esxmem (esxmem)",
)
INNOCUOUS = (
    "",
    "[    9.1] esxmem: loading out-of-tree module taints kernel.",
    "[    9.1] esxmem: module verification failed: signature and/or required "
    "key missing - tainting kernel",
    "[    9.1] clocksource: Long readout interval, skipping watchdog check",
    "[    9.1] clocksource: timekeeping watchdog on CPU0: Marking clocksource "
    "'tsc' as unstable because the skew is too large:",
    "[    9.1] Spectre V2 : WARNING: Unprivileged eBPF is enabled",
    "[    9.1] INFO: NMI handler (f) took too long to run: 1.2 msecs",
    "[    9.1] INFO: lockdep is turned off.",
    "[    9.1] traps: sh[71] general protection fault ip:1 sp:2 error:0 in sh",
    "[    9.1] sh[71]: segfault at 0 ip 1 sp 2 error 4 in sh[1000+1000]",
    "[    9.1] Out of memory: Killed process 71 (sh) total-vm:1kB",
    "[    9.1] sh: page allocation failure: order:0, mode:0xcc0(GFP_KERNEL)",
    "[    9.1] Memory failure: 0x1234: recovery action for dirty page: Recovered",
    "[    9.1] kmemleak: Kernel memory leak detector initialized",
    "[    9.1] sysrq: Show Blocked State",
    "[    9.1] lab: this test prints BUG: on purpose",
    "[    0.0] Warning: unable to open an initial console.",
)


def main():
    """Check each line; return the exit status."""
    wrong = [line for line in TROUBLE if klog.find_trouble([line]) is None]
    wrong += [line for line in INNOCUOUS
              if klog.find_trouble([line]) is not None]
    if klog.find_trouble([TROUBLE[0]], ["sysrq triggered"]) is not None:
        wrong.append("an allowed line counts as trouble")
    for line in wrong:
        print(f"# misjudged: {line}")
    print("TAP version 13\n1..1")
    print(f"{'not ' if wrong else ''}ok 1 kernel_log_lines_are_told_apart")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
