# SPDX-License-Identifier: GPL-2.0
"""Writes the page of the documentation that shows a run."""

import shutil

from bench import table

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


def environment(run):
    """What the run was made on."""
    env = run["environment"]
    kernels = sorted({cell["kernel"] for cell in run["cells"].values() if cell.get("kernel")})
    pages = sorted({cell["native_pages"] for cell in run["cells"].values()
                    if "native_pages" in cell})
    loads = [cell["load"] for cell in run["cells"].values() if "load" in cell]
    rows = [
        ("Machine", f"{env['cpus']} x {env['cpu']}, {env['memory_mib']} MiB, "
                    f"{'with' if env['hardware_virtualisation'] else 'without'} "
                    "hardware virtualisation"),
        ("System", f"{env['system']}, kernel {env['kernel']}"),
        ("Kernels measured", ", ".join(kernels) or "-"),
        ("Memory of the native bed", f"in pages of {', '.join(pages) or '-'}"),
        ("Date", env["date"]),
        ("Commit", env["commit"]),
        ("Took", f"{run['seconds'] / 60:.0f} minutes, load average up to "
                 f"{max(loads, default=0):.1f} when a cell began"),
    ]
    return "\n" + "\n".join(f":{name}: {value}" for name, value in rows) + "\n"


def older(run):
    """What of the cells was made by an earlier run."""
    made = {}
    for name, cell in run["cells"].items():
        if "made" in cell:
            made.setdefault(f"{cell['made']['date']}, commit {cell['made']['commit']}",
                            []).append(name)
    return "".join(f"\nMade {when}: {', '.join(names)}.\n" for when, names in made.items())


def rst_table(rows, widths):
    """A list-table."""
    lines = ["", ".. list-table::", "   :header-rows: 1",
             f"   :widths: {' '.join(map(str, widths))}", ""]
    for cells in rows:
        lines += [f"   {'* -' if at == 0 else '  -'} {text}" for at, text in enumerate(cells)]
    return "\n".join(lines) + "\n"


def goals(run):
    """The table of goals, and what has no row."""
    text = "\nResults\n=======\n"
    text += rst_table([table.HEAD] + [table.row(goal) for goal in run["goals"]],
                      (34, 14, 20, 8, 16, 8))
    if run["not_run"]:
        text += "\nNot measured in this run:\n\n"
        text += "".join(f"* {ident}: {why}\n" for ident, why in run["not_run"].items())
    return text


def notes(run):
    """What the cells say about themselves."""
    lines = [f"* *{name}*: {note}" for name, cell in run["cells"].items()
             for note in cell.get("notes", ())]
    return "\nOf the cells\n============\n\n" + "\n".join(lines) + "\n" if lines else ""


def pictures(files):
    """The plots."""
    if not files:
        return ""
    return "\nPlots\n=====\n" + "".join(f"\n.. image:: {path.name}\n" for path in files)


def enter(index):
    """Have the table of contents name the page."""
    text = index.read_text()
    if "   benchmarks\n" not in text:
        index.write_text(text.rstrip("\n") + "\n   benchmarks\n")


def write(run, plots, directory):
    """Write the page, put the plots beside it and enter it in the index."""
    for stale in directory.glob("bench-*.svg"):
        stale.unlink()
    for path in plots:
        shutil.copyfile(path, directory / path.name)
    page = directory / "benchmarks.rst"
    page.write_text(HEAD + environment(run) + older(run) + goals(run) + HOW + notes(run)
                    + pictures(plots))
    enter(directory / "index.rst")
    return page
