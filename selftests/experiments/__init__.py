# SPDX-License-Identifier: GPL-2.0
"""The experiments: what the paper's policy does here, see goals.py.

Most run on the benchmark's virtual host (selftests/bench/host).  What such an
experiment does there is a module of its own in inside/, called like it.  One runs
on the benchmark's User-Mode kernel: native/.
"""

import pathlib

from bench import host
from experiments import native

INSIDE = pathlib.Path(__file__).resolve().parent / "inside"
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
    # A host that counts takes the place of the other, so it comes last.
    rows = sorted(ROWS, key=lambda row: row.counting)
    return ([("native", cell) for cell in native.cells(options)]
            + [("host", cell) for cell in host.cells(options, rows)])
