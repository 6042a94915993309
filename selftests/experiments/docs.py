# SPDX-License-Identifier: GPL-2.0
"""The words of the page of the documentation that shows a run."""

from bench.page import Page

HEAD = """.. SPDX-License-Identifier: GPL-2.0
.. Written by `make experiments-docs' from the figures of a run: do not edit.

===========
Experiments
===========

Does sampling say how much of its memory a VM uses, and how soon do targets follow?
The paper's Figure 6 with a guest of its own, samples against the accessed bits of
all pages, what sampling costs, and how long targets take for many VMs.  esxmem's
audit has to find nothing, and the memory of the machines has to be what it was;
else the run fails.
"""

HOW = """
How to run it
=============

::

   make experiments                    # all of it: at most 40 minutes on 2 cores
   make experiments ONLY=figure6       # some cells or goals
   make experiments QUICK=1            # small sizes: a look, not for the record
   make experiments-docs               # this page, from the last run

``out/experiments.json`` has every figure and, as ``goals``, the table above;
``out/experiments`` has the plots.  ``selftests/experiments/experiments --list``
names the cells.

How it is measured
==================

But for *targets* all of it runs on a virtual host under QEMU that has one CPU, with
guests in it.

*figure6.*  A Linux guest in 4 KB pages, in which a program goes over a part of
its memory again and again, without a pause, and takes that part larger or
smaller.  The sampler works by itself at its defaults but for the length of a
period: what counts is that a period is run time of the guest.  The truth is a
full scan after each step: all accessed bits are cleared, the guest runs for one
period, and they are counted; what Linux does by itself is in it.  An up-step is
judged one period after the program has gone over the larger part once, by the
standard error of one sample, sqrt(f (1 - f) / 100).  How far the averages go in
a step is fitted to what each period said, from the trace event
``esxmem_sample``, by least squares, where they went down.

*sampling_error.*  A machine without a system, so every access is known.  The
periods are begun and ended by debugfs; the sample and the truth are of the same
accesses.  The error at 95 % is over all sizes of the working set; the plot has
each of them, and the theory.

*sampling_cost.*  The same machines on a host whose clock counts instructions: it
has no caches and no TLB misses, so a figure says how much work there is and not
how long it takes elsewhere.  One instruction counts as one nanosecond, so 1 ms
stands for a million instructions, and holds on a processor that gets through a
thousand million of them in a second.  Faults are counted from before to after the
periods.

*targets.*  At native speed.  The arithmetic alone, ``esx_price_deal()``, is built
for user space; the VMs have between 1 and 64 GB there, any part of it in use.  All
of it, from an event to new targets, runs in the benchmark's User-Mode kernel: its
memory files are VMs that have no memory yet, and after each event their targets
must be what their shares come to.  An event ends when ``rebalances`` in sysfs has
grown; that is looked at each 0.2 ms.  CPU time is that of the kernel's process, by
the machine's scheduler, for one change of a VM's shares, less what a setting costs
on which no target depends.

What to keep in mind
====================

* Clearing accessed bits flushes no TLB: an access by a translation that a
  processor still holds is not seen, neither by a sample nor by the full scan.
  ``young_100_seen`` in the JSON says how much of the accesses the full scan
  showed at the least.
* On 2 MB frames one accessed bit stands for 512 pages: the arm ``large_pages`` of
  sampling_error shows what becomes of a guest that uses an eighth of each.  The
  part that is known by 2 MB only is told apart, see ``active_coarse_bytes``.
* The pages that are sampled are drawn anew each time, so no two runs are alike.
  Where a goal holds for 95 of 100 by theory it can be missed by bad luck.
"""

PAGE = Page("experiments", "experiments", HEAD, HOW)
