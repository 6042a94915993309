# SPDX-License-Identifier: GPL-2.0
"""What a cell is asked for, and the frame of what it hands back."""

import dataclasses
import os
import typing

from bench.cells import there_and_back


@dataclasses.dataclass
class Request:
    """A request for the figures of one cell."""
    say: typing.Callable
    quick: bool = False
    repetitions: int = 0
    seed: int = 20261120

    def size(self, full, quick):
        """Return the size to measure at."""
        return quick if self.quick else full

    def measure_arms(self, arms, repetitions, **more):
        """Run @arms, {name: function}, there and back; return the result.

        A function returns the figures of one repetition.
        """
        repetitions = self.repetitions or (1 if self.quick else repetitions)
        order = there_and_back(arms, repetitions)
        figures = {name: [] for name in arms}
        for number, name in enumerate(order, 1):
            self.say(f"arm {number} of {len(order)}: {name}")
            figures[name].append(arms[name]())
        notes = [TCG, f"load average {os.getloadavg()[0]:.1f} in the virtual host"]
        return {"arms": figures, "order": order, "seeds": {"contents": self.seed},
                "kernel": os.uname().release, **more, "notes": notes + more.get("notes", [])}


TCG = ("measured under emulation (QEMU TCG) on a virtual host of one CPU: counts are "
       "exact, times only compare with others of the same run")
