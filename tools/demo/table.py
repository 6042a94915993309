# SPDX-License-Identifier: GPL-2.0
"""Prints the demo's result for people."""

COLUMNS = (
    ("guest", "name"),
    ("backed before", "backed_mib_before"),
    ("backed after", "backed_mib_after"),
    ("shared", "shared_mib"),
    ("zero", "zero_mib"),
    ("reclaimed", "reclaimed_mib"),
    ("%", "reclaimed_pct"),
    ("EPT faults", "ept_faults"),
    ("before", "before"),
    ("shared", "after_sharing"),
    ("written", "after_writes"),
)
MOMENTS = ("before", "after_sharing", "after_writes")


def render(result):
    """Return the table and the summary as text."""
    rows = [[title for title, _ in COLUMNS]]
    rows += [guest_row(guest) for guest in result["per_guest"]]
    rows.append(host_row(result))
    return "\n".join(["", "Memory in MiB; the last three columns: checksums "
                      "inside the guest.", "", *align(rows), "",
                      *summary(result)])


def guest_row(guest):
    """Return a guest's row."""
    cells = {**guest, **{moment: verdict(guest["checksums"][moment].values())
                         for moment in MOMENTS}}
    return [str(cells[key]) for _, key in COLUMNS]


def host_row(result):
    """Return the host's row."""
    cells = {**result, "name": "host"}
    for moment in MOMENTS:
        cells[moment] = verdict(
            right for guest in result["per_guest"]
            for right in guest["checksums"][moment].values())
    return [str(cells[key]) for _, key in COLUMNS]


def verdict(rights):
    """Return one word for a number of comparisons."""
    return "equal" if all(rights) else "WRONG"


def align(rows):
    """Return the rows as lines, with a rule below the first."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(width) if at == 0 else cell.rjust(width)
                       for at, (cell, width) in enumerate(zip(row, widths)))
             for row in rows]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]


def summary(result):
    """Return the summary's lines."""
    load = [guest["load"] for guest in result["per_guest"]]
    return [
        f"{result['reclaimed_mib']} MiB of {result['backed_mib_before']} MiB "
        f"reclaimed ({result['reclaimed_pct']} %) in "
        f"{result['share_seconds']} s",
        f"  without zero pages: {result['reclaimed_without_zero_mib']} MiB "
        f"({result['reclaimed_without_zero_pct']} %); zero pages: "
        f"{result['zero_mib']} MiB",
        f"  {result['shared_mib']} MiB of guest memory stands in "
        f"{result['shared_frames_mib']} MiB of shared frames",
        f"  after the guests wrote: {result['backed_mib_end']} MiB backed, "
        f"{result['cow_breaks']} pages copied on write",
        f"  meanwhile: {sum(c['web'] for c in load)} web requests, "
        f"{sum(c['database'] for c in load)} database transactions, "
        f"{sum(c['bad'] for c in load)} wrong answers",
        f"  kernel {result['kernel']}",
    ]
