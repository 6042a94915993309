# SPDX-License-Identifier: GPL-2.0
"""Arithmetic of the experiments; nothing here needs a kernel."""

import math


def points(touched, sampled, truth, pages):
    """Return by how many points of the VM's size a sample is wrong."""
    # Whole numbers for as long as can be: 10 points are not to become a bit more.
    return 100 * (touched * pages - truth * sampled) / (sampled * pages)


def error_at(errors, share):
    """Return what that @share of the errors does not exceed, whatever their sign."""
    ordered = sorted(map(abs, errors))
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def standard_error(fraction, samples):
    """Return the standard error of a fraction of which @samples are known."""
    return math.sqrt(fraction * (1 - fraction) / samples)


def gain(moves):
    """Return which part of the way an average goes, by least squares.

    @moves are (before, after, what the period says).
    """
    way = sum((says - before) ** 2 for before, _, says in moves)
    gone = sum((after - before) * (says - before) for before, after, says in moves)
    return gone / way if way else None


def half_life(part):
    """Return after how many periods half of a difference is gone."""
    return math.log(0.5) / math.log(1 - part)
