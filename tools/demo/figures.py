# SPDX-License-Identifier: GPL-2.0
"""Turns what was measured into the figures that the demo reports.

Reclaimed is what the guests' memory took of the machine before sharing, less
what it takes after, in frames that really are in use: a shared frame counts
once.  Zero pages, which cost nothing to share and flatter every such figure,
are part of it and are told apart.
"""

PAGES_PER_MIB = 256
GOAL_PCT = 40


def mib(pages):
    """Return a number of pages in MiB."""
    return round(pages / PAGES_PER_MIB, 1)


def percent(part, whole):
    """Return @part of @whole in per cent."""
    return round(100 * part / whole, 1) if whole else 0.0


def host_figures(before, after):
    """Return the figures of the host, from Info before and after sharing."""
    gain = before["frames"] - after["frames"]
    zero = after["zero_pages"] - before["zero_pages"]
    return {
        "backed_mib_before": mib(before["frames"]),
        "backed_mib_after": mib(after["frames"]),
        "reclaimed_mib": mib(gain),
        "reclaimed_pct": percent(gain, before["frames"]),
        "zero_mib": mib(zero),
        "reclaimed_without_zero_mib": mib(gain - zero),
        "reclaimed_without_zero_pct": percent(gain - zero,
                                              before["frames"] - zero),
        "shared_mib": mib(after["shared_pages"]),
        "shared_frames_mib": mib(after["shared_frames"]),
    }


def guest_figures(before, after, cost_of_shared):
    """Return the figures of one guest, from its Vm before and after sharing.

    @cost_of_shared is frames per shared page on the whole host: what a shared
    page costs each of those who share it, on average.
    """
    frames_after = (after["private_bytes"]
                    + after["shared_bytes"] * cost_of_shared) / 4096
    frames_before = before["backed_bytes"] / 4096
    return {
        "backed_mib_before": mib(frames_before),
        "backed_mib_after": mib(frames_after),
        "private_mib": mib(after["private_bytes"] / 4096),
        "shared_mib": mib(after["shared_bytes"] / 4096),
        "zero_mib": mib((after["zero_bytes"] - before["zero_bytes"]) / 4096),
        "reclaimed_mib": mib(frames_before - frames_after),
        "reclaimed_pct": percent(frames_before - frames_after, frames_before),
    }


def cost_of_shared(info):
    """Return how many frames stand behind a shared page, on average."""
    return (info["shared_frames"] / info["shared_pages"]
            if info["shared_pages"] else 1.0)


def verdicts(result):
    """List what keeps the demo from having succeeded; empty: nothing."""
    found = [f"{guest['name']}: {kind} {when} is not what it must be"
             for guest in result["per_guest"]
             for when, kinds in guest["checksums"].items()
             for kind, right in kinds.items() if not right]
    found += [f"{guest['name']}: the load saw {guest['load']['bad']} wrong "
              f"answers, the last: {guest['load']['problem']}"
              for guest in result["per_guest"] if guest["load"]["bad"]]
    if result["audit"]["violations"]:
        found.append(f"the audit found {result['audit']['violations']} broken "
                     "invariants")
    if result["reclaimed_pct"] < GOAL_PCT:
        found.append(f"{result['reclaimed_pct']} % of memory reclaimed, "
                     f"the goal is {GOAL_PCT} %")
    return found
