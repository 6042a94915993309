# SPDX-License-Identifier: GPL-2.0
"""Ratios of repetitions that two arms made together.

What disturbs both alike is not in their ratio.  What is left differs from one
repetition to the next, and nothing is known of how: so the middle of the ratios
is taken, and the interval that holds the true middle is found by counting signs.
It is right whatever the distribution, as each ratio is above the true middle as
likely as below.
"""

import math
import statistics

CONFIDENCE = 0.99


def summary(ours, peers, key):
    """Return what the ratios of @ours to @peers say about a figure."""
    each = [our[key] / peer[key] for our, peer in zip(ours, peers)]
    low, high = interval(each)
    return {"median": statistics.median(each), "low": low, "high": high, "each": each}


def interval(values, confidence=CONFIDENCE):
    """Return (low, high) around the true median, with at least that confidence.

    None and None if there are too few values for it.
    """
    aside = may_be_left_aside(len(values), 1 - confidence)
    if aside is None:
        return None, None
    ordered = sorted(values)
    return ordered[aside], ordered[-1 - aside]


def may_be_left_aside(number, risk):
    """Return how many of the values may be outside, on either side."""
    below = 0
    for aside in range(number):
        below += math.comb(number, aside)
        if 2 * below > risk * 2 ** number:
            return aside - 1 if aside else None
    return None


def resolution(found):
    """Return half the width of a summary's interval, or None."""
    return (found["high"] - found["low"]) / 2 if found["high"] is not None else None
