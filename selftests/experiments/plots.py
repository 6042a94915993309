# SPDX-License-Identifier: GPL-2.0
"""Pictures of the experiments, as SVG."""

import math

from bench import drawing

MIB = 1 << 20
GREY, LIGHT, BLUE = "#6d6d6d", "#b5b5b5", "#3b6ea5"
ESTIMATES = (("slow", LIGHT, 1.2), ("fast", BLUE, 0.8),
             ("fast, with the period under way", GREY, 0.8),
             ("largest: what counts", drawing.GOOD, 1.6))


def touched_over_time(data):
    """Return what was touched, in MiB: ([periods], [MiB]) of a line of steps."""
    whole = data["size"] / MIB
    shown = [step for step in data["steps"] if step["start"] <= data["points"][-1][0]]
    ends = [step["start"] for step in shown[1:]] + [data["points"][-1][0]]
    at, mib = [], []
    for step, end in zip(shown, ends):
        at += [step["start"], end]
        mib += [step["truth"] * whole] * 2
    return at, mib


def label(axes, below, beside):
    """Say what the axes are; and the legend, where it hides nothing."""
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def figure6(board, data):
    """What was touched, and the estimates."""
    axes = board.begin("figure6", "Memory that a guest uses, and what sampling says of it",
                       (7, 3.6))
    whole = data["size"] / MIB
    at = [point[0] for point in data["points"]]
    for column, (name, colour, width) in enumerate(ESTIMATES, 1):
        axes.plot(at, [point[column] * whole for point in data["points"]], color=colour,
                  linewidth=width, label=name)
    axes.plot(*touched_over_time(data), color="black", linewidth=1, linestyle="--",
              label="touched, by full scan")
    label(axes, "run time of the guest, in periods", "MiB")
    axes.set_ylim(0, None)


def up_steps(board, data):
    """The errors of all up-steps."""
    axes = board.begin("figure6_up", "One period after each up-step")
    errors = data["errors"]
    axes.axhspan(-2, 2, color="#e4efe9")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.plot(range(1, len(errors) + 1), errors, "o", color=drawing.GOOD, markersize=3)
    axes.set_xlabel("up-step")
    axes.set_ylabel("error, standard errors")


def errors_by_share(figures, method, nr):
    """Return ([per cent in use], [error in points]) of an arm."""
    head = f"{method}_{nr}_error_at_"
    pairs = sorted((int(key[len(head):]), value) for key, value in figures.items()
                   if key.startswith(head))
    return [share for share, _ in pairs], [error for _, error in pairs]


def sampling_error(board, figures):
    """The error by what is in use, against theory."""
    axes = board.begin("sampling_error", "Error that 95 % of the samples do not exceed")
    shares = range(1, 100)
    for nr, style in ((100, "-"), (400, "--")):
        axes.plot(shares, [196 * math.sqrt(x / 100 * (1 - x / 100) / nr) for x in shares], style,
                  color=LIGHT, linewidth=1, label=f"theory, {nr} samples")
        for method, colour in (("young", drawing.GOOD), ("unmap", BLUE)):
            axes.plot(*errors_by_share(figures, method, nr), "o" + style, color=colour,
                      linewidth=0.8, markersize=3, label=f"{method}, {nr} samples")
    label(axes, "memory in use, % of the VM's", "points")
    axes.set_ylim(0, None)


def sampling_cost(board, data):
    """The cost of a period by the size of the VM."""
    axes = board.begin("sampling_cost", "Cost of a sampling period")
    sizes = sorted(map(int, data["cost"]))
    for key, name, colour in (("young_period_ns", "young, 100 samples", drawing.GOOD),
                              ("unmap_period_ns", "unmap, 100 samples", BLUE),
                              ("scan_ns", "full scan", GREY)):
        axes.plot(sizes, [data["cost"][str(mib)][key] / 1000 for mib in sizes], "o-",
                  color=colour, label=name)
    axes.axhline(1000, color="black", linewidth=0.8, linestyle=":")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes)
    axes.set_xticklabels(map(str, sizes))
    label(axes, "size of the VM, MiB", "thousand instructions")


def targets(board, figures):
    """How long new targets take, by the number of VMs."""
    axes = board.begin("targets", "From an event to new targets")
    for kind, name, colour in (("event", "an event, the slowest kind", drawing.GOOD),
                               ("cpu", "of that, CPU time", BLUE),
                               ("deal", "of that, arithmetic", GREY)):
        numbers = sorted(int(key.split("_")[1]) for key in figures if key.startswith(f"{kind}_"))
        axes.plot(numbers, [figures[f"{kind}_{nr}_ms"] for nr in numbers], "o-", color=colour,
                  label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    label(axes, "VMs", "ms")


def draw_all(run, directory):
    """Draw what there are figures for; return the files."""
    cells = {name: cell for name, cell in run["cells"].items() if "arms" in cell}
    with drawing.Board(directory, "experiments") as board:
        if "figure6" in cells:
            figure6(board, cells["figure6"]["data"])
            up_steps(board, cells["figure6"]["data"])
        if "sampling_error" in cells:
            sampling_error(board, cells["sampling_error"]["arms"]["esxmem"][0])
        if "sampling_cost" in cells:
            sampling_cost(board, cells["sampling_cost"]["data"])
        if "targets" in cells:
            targets(board, cells["targets"]["arms"]["esxmem"][0])
        drawing.goals(board, run)
    return board.drawn
