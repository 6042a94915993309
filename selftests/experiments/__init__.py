# SPDX-License-Identifier: GPL-2.0
"""The experiments: what the paper's policy does here, see goals.py.

They run on the benchmark's virtual host (selftests/bench/host).  What an
experiment does there is a module of its own in inside/, called like it.
"""

import pathlib

from bench import host

INSIDE = pathlib.Path(__file__).resolve().parent / "inside"
BED = "host"
ROWS = (
    host.Row("sampling_error",
             ("error_young_100", "error_young_400", "error_unmap_100", "error_unmap_400",
              "sampling_bias"), 240,
             "samples against all pages", directory=INSIDE),
    host.Row("figure6", ("figure6_up", "figure6_decay"), 280,
             "the estimates of a guest that takes its working set up and down",
             directory=INSIDE),
    host.Row("sampling_cost", ("cost", "cost_growth", "extra_faults"), 150,
             "what a period costs the host and the guest", counting=True, directory=INSIDE),
)


def cells(options):
    """List (bed, cell)."""
    return [(BED, cell) for cell in host.cells(options, ROWS)]
