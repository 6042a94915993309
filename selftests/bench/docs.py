# SPDX-License-Identifier: GPL-2.0
"""The words of the page of the documentation that shows a run."""

from bench.page import Page

HEAD = """.. SPDX-License-Identifier: GPL-2.0
.. Written by `make bench-docs' from the figures of a run: do not edit.

==========
Benchmarks
==========

KSM and other peers against esxmem, in one run: the same kernel, the same
contents from the same seeds, each repetition in a fresh boot, the arms in the
order A B C C B A, never two of them at work at a time.  After each repetition
every page is compared with what was written to it, and esxmem's audit has to
find nothing; else the run fails.
"""

HOW = """
How to run it
=============

::

   make bench                          # all of it: at most 40 minutes on 2 cores
   make bench ONLY=recall,metadata     # some cells or goals
   make bench QUICK=1                  # small sizes: a look, not for the record
   make bench-docs                     # this page, from the last run

``out/bench.json`` has every figure of every repetition, ``out/bench`` the plots.
``selftests/bench/bench --list`` names the cells.

How it is measured
==================

*Native bed.*  A User-Mode kernel, so kernel code runs at native speed.  CPU time
is what the kernel's process used on the machine while user space in it slept,
by the machine's scheduler.  Contents come from seeds; an
oracle hashes and sorts all pages and so knows what could be shared.

*Host bed.*  A virtual host under QEMU, with guests.  Figures are exact counts;
time is never compared under emulation unless a row says so.

*Guest memory.*  Two guests of one kind differ by some per cent, by where they lie in
the machine's caches.  So one guest has NUMA nodes of both kinds of memory, and one
program works on them in turns of less than a millisecond, on an area after the other.
The ratio is the median of those of all areas; its interval of 99 % is found by counting
signs.  A second node of the peer's kind must come out at 1, and shows what can be told
apart.

*KSM.*  ``ksm_default``: the settings of the kernel.  ``ksm_smart`` and
``ksm_plain``: no naps, all pages in a batch, ``use_zero_pages``, with
``smart_scan`` on and off.  A ratio is to the better of the two.  For a visit's
CPU KSM is given its later passes, esxmem the first: only there does each of
them hash a page and look it up.

What to keep in mind
====================

* The User-Mode kernel has one CPU: its locks and atomic operations cost next to
  nothing.  KSM, which takes the lock of a foreign address space at each level
  of its tree, gains most by that.
* Its memory is a file in 2 MB pages of the machine, as a host maps its memory by
  large pages.  In 4 KB pages, which is what it gets without the right to mount a
  tmpfs, every look at a table misses the TLB as well, and a page costs more the
  more there are.
* It is built to compare memory by words, as x86_64 does.  Left alone it compares
  byte by byte, and KSM, which compares most, would look slower than it is.
* Other work on the machine takes no CPU time from what is measured, but it does
  take cache and memory bandwidth; see the load average.
* Page faults, copies on write and TLB flushes go through the machine's kernel
  there, so their time is not shown; their counts are.
* Two like guests flatter every method.  ``low_sharing`` is the usual case.
* Medians of few repetitions; the ranges are in the plots and in the JSON.
"""

PAGE = Page("benchmarks", "bench", HEAD, HOW)
