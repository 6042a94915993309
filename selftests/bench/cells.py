# SPDX-License-Identifier: GPL-2.0
"""What a bed offers to the driver: cells, and what a cell hands back.

A bed is a package beside this file (native, host).  Its `cells(options)` lists
the Cell objects that it can run; listing starts nothing and builds nothing.

The driver calls `cell.run(progress)` for each cell that is wanted, one at a
time.  run() prints nothing itself; it calls progress.say("arm 2 of 8: ...").
It returns a dict:

  arms    {arm: [repetition, ...]}: a repetition is a flat dict of numbers, in
          the order they were measured.  A figure that cannot be had is None.
          The arm "esxmem" is ours; every other name is a peer's: "ksm_default",
          "ksm_smart" and "ksm_plain" (tuned, smart_scan on and off), "thp",
          "memfd_huge", "anon_thp", "fork_cow", ...
  order   the names of the arms in the order they ran: A B B A ...
  seeds   {name: seed} of every generator
  oracle  {name: number} that the offline oracle found, where there is one
  notes   sentences that a reader of the figures has to know
  data    whatever else deserves to be kept: curves, histograms, raw counters

It raises CellError when the figures must not be used: contents that are not
what they were, an audit with violations, a machine that died.  The driver then
records the cell as failed, goes on with the others and exits with status 1.

Which figures make a goal is written in goals.py: a goal names a cell, a key of
its repetitions, our arm and the arms it is compared with.
"""

import dataclasses
import typing


class CellError(Exception):
    """What a cell measured must not be used, for the reason given."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line asks of the beds."""
    quick: bool = False        # sizes and repetitions for a look, not for the record
    repetitions: int = 0       # of each arm; 0: what the cell thinks right
    seed: int = 20261120       # the root of every generator's seed
    verbose: bool = False      # show the machines' logs on stderr


@dataclasses.dataclass(frozen=True)
class Cell:
    """A measurement of some arms that belong together."""
    name: str                  # what ONLY= calls it; unique over all beds
    goals: typing.Tuple[str, ...]    # ids in goals.py that it serves
    run: typing.Callable       # run(progress) -> dict, see above
    seconds: float = 60        # how long it takes on two cores, for the progress
    what: str = ""             # one line for people


class Progress:
    """Where a cell says how far it is; the driver's shows it."""

    def say(self, text):
        """Tell what goes on now, in a few words."""


def there_and_back(arms, repetitions):
    """The same for any number of arms: A B C C B A A B C ..."""
    order = []
    for number in range(repetitions):
        order += list(arms) if number % 2 == 0 else list(reversed(arms))
    return order
