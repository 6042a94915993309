# SPDX-License-Identifier: GPL-2.0
"""The host's free memory, as a cell wants to find it."""

import host
import knobs


def settle():
    """Free what is kept for later, and put free memory together.

    So large pages are to be had without effort, whatever ran before.
    """
    host.drop_caches()
    knobs.write(knobs.VM / "compact_memory", 1)
