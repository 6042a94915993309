# SPDX-License-Identifier: GPL-2.0
"""Two guests of one image, which read the same files and hold like data."""

import bed
import pairs_of_guests


def measure(request):
    """Return the cell's figures."""
    return pairs_of_guests.measure(request, Filled, 1, [
        f"two guests of {bed.MEM_MIB} MiB from one image, with the same {bed.WARM_MIB} MiB "
        f"of files read and {bed.SIZE_MIB} MiB each of buffers, files and a database, half "
        "of it common"])


class Filled:
    """What the guests must hold after all."""

    def __init__(self, pair):
        self._expected = bed.fill(pair)

    def write(self, number):
        """Have all guests make that write."""
        for expectation in self._expected.values():
            expectation.write(number)

    def check(self, when):
        """Fail unless they do."""
        for expectation in self._expected.values():
            expectation.check(when)
