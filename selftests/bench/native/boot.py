# SPDX-License-Identifier: GPL-2.0
"""One boot for one repetition of one arm: nothing is carried over."""

import contextlib

from bench.cells import there_and_back
from bench.native import arms
from bench.native import memory
from bench.native import worker

# Of what memory there is beside the pages.
SPARE_MIB = 192


@contextlib.contextmanager
def booted(image, name, pages, verbose=False, **options):
    """Yield (arm, memory) in a fresh kernel with room for @pages."""
    need = pages * 4096 >> 20
    # Metadata of either side is at most 64 bytes a page; twice that is ample.
    used = need + (need >> 5)
    # The kernel itself keeps 64 bytes a page, and an eighth of the free memory in
    # lists that do not count as free when memory runs out.
    room = used + (used >> 6) + (used >> 3) + SPARE_MIB
    with worker.Worker(image, room, verbose) as begun:
        # What the machine's kernel does at the first use of a page is not ours.
        begun.ask(f"pretouch {used + SPARE_MIB // 2}")
        arm = arms.make(name, begun, **options)
        arm.set_up()
        yield arm, memory.Memory(begun, arm)
        arm.stop()


def each_arm(names, repetitions, progress, measure):
    """Measure each arm so many times, there and back; return the cell's result.

    measure(image, name) returns a repetition.
    """
    order = there_and_back(names, repetitions)
    result = {"arms": {name: [] for name in names}, "order": order}
    with worker.built() as image:
        for number, name in enumerate(order, 1):
            progress.say(f"{name}, {number} of {len(order)}")
            result["arms"][name].append(measure(image, name))
    result.update(kernel=image.kernel.version, native_pages=image.pages())
    return result
