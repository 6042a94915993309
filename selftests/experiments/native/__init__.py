# SPDX-License-Identifier: GPL-2.0
"""The native bed of the experiments: the module's code at native speed, no guests."""

from bench.cells import Cell


def cells(options):
    """The cells of this bed."""
    from experiments.native import targets

    return [Cell("targets", ("targets", "targets_all", "rebalance"), targets.cell(options),
                 20 if options.quick else 60,
                 "how soon each of many VMs knows what it may have")]
