# SPDX-License-Identifier: GPL-2.0
"""The native bed: cells that run in a User-Mode kernel, at native speed."""

from bench.cells import Cell


def cells(options):
    """The cells of this bed."""
    from bench.native import counts, cpu, metadata, recall, savings

    def cell(name, run, seconds, what, goals=None):
        return Cell(name, (name,) if goals is None else goals, run(options),
                    seconds / 6 if options.quick else seconds, what)

    return [
        cell("recall", recall.cell, 50, "how much of the oracle's is found"),
        cell("cpu_unique", cpu.unique, 190, "CPU of a visit, unique pages"),
        cell("cpu_alike", cpu.alike, 200, "CPU of a visit, pages alike but for the tail"),
        cell("growth", cpu.growth, 220, "CPU of a visit among more pages"),
        cell("unchanged", cpu.unchanged, 110, "CPU of a pass over unchanged memory"),
        cell("cpu_to_90", savings.like, 120, "CPU to 90 % of the savings, like guests"),
        cell("low_sharing", savings.unlike, 50, "the same, guests with little in common", ()),
        cell("metadata", metadata.cell, 50, "memory kept for each page"),
        cell("copies", counts.copies, 20, "copies kept of one content"),
        cell("thrash", counts.thrash, 30, "pages shared in vain"),
    ]
