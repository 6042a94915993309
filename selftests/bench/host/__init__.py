# SPDX-License-Identifier: GPL-2.0
"""The host bed: cells that run in one virtual KVM host, see virtual.py.

What a cell does there is a module of its own in inside/, called like the cell.
"""

import functools
import pathlib
import typing

from .. import cells as interface
from . import virtual


class Row(typing.NamedTuple):
    """A cell of this bed."""
    name: str
    goals: tuple
    seconds: float
    what: str
    counting: bool = False      # on a host whose clock counts instructions
    directory: pathlib.Path = virtual.HERE / "inside"   # of its module


ROWS = (
    Row("first_write", ("first_write",), 60,
        "the first store to a page that is shared, against one after fork()"),
    Row("huge_broken", ("huge_broken",), 30,
        "large pages broken for one duplicate page in each"),
    Row("huge_density", (), 35,
        "what is saved per large page broken, where the densities differ"),
    Row("invalidations", ("invalidations",), 25,
        "notifier ranges and TLB flushes per merged page of a virtual machine"),
    Row("metadata_large", (), 15,
        "memory that esxmem needs per page of large pages that it hashed"),
    Row("boot", ("boot",), 145,
        "faults and 2 MB mappings to boot a guest"),
    Row("guest_memory", ("guest_memory",), 330,
        "pointer chase and stream in a guest on large pages"),
    Row("like_guests", (), 300,
        "CPU until 90 % of what two like guests can save is saved"),
    Row("unlike_guests", (), 200,
        "the same for two guests that have little in common"),
    Row("first_write_instructions", (), 60,
        "first_write in instructions", counting=True),
)


def cells(options, rows=ROWS):
    """List the cells of this bed, or others for @rows."""
    return [interface.Cell(name=row.name, goals=row.goals, seconds=row.seconds,
                           what=row.what,
                           run=functools.partial(virtual.run, row, options))
            for row in rows]
