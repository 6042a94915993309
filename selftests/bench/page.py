# SPDX-License-Identifier: GPL-2.0
"""Writes a page of the documentation that shows a run."""

import dataclasses
import shutil


def environment(run):
    """What the run was made on."""
    env = run["environment"]
    kernels = sorted({cell["kernel"] for cell in run["cells"].values() if cell.get("kernel")})
    pages = sorted({cell["native_pages"] for cell in run["cells"].values()
                    if "native_pages" in cell})
    loads = [cell["load"] for cell in run["cells"].values() if "load" in cell]
    rows = [
        ("Machine", f"{env['cpus']} x {env['cpu']}, {env['memory_mib']} MiB, "
                    f"{'with' if env['hardware_virtualisation'] else 'without'} "
                    "hardware virtualisation"),
        ("System", f"{env['system']}, kernel {env['kernel']}"),
        ("Kernels measured", ", ".join(kernels) or "-"),
        *([("Memory of the native bed", f"in pages of {', '.join(pages)}")] if pages else []),
        ("Date", env["date"]),
        ("Commit", env["commit"]),
        ("Took", f"{run['seconds'] / 60:.0f} minutes, load average up to "
                 f"{max(loads, default=0):.1f} when a cell began"),
    ]
    return "\n" + "\n".join(f":{name}: {value}" for name, value in rows) + "\n"


def older(run):
    """What of the cells was made by an earlier run."""
    made = {}
    for name, cell in run["cells"].items():
        if "made" in cell:
            made.setdefault(f"{cell['made']['date']}, commit {cell['made']['commit']}",
                            []).append(name)
    return "".join(f"\nMade {when}: {', '.join(names)}.\n" for when, names in made.items())


def rst_table(rows, widths):
    """A list-table."""
    lines = ["", ".. list-table::", "   :header-rows: 1",
             f"   :widths: {' '.join(map(str, widths))}", ""]
    for cells in rows:
        lines += [f"   {'* -' if at == 0 else '  -'} {text}" for at, text in enumerate(cells)]
    return "\n".join(lines) + "\n"


def goals(run, columns):
    """The table of goals, and what has no row."""
    text = "\nResults\n=======\n"
    text += rst_table([columns.head] + [columns.row(goal) for goal in run["goals"]],
                      columns.widths)
    if run["not_run"]:
        text += "\nNot measured in this run:\n\n"
        text += "".join(f"* {ident}: {why}\n" for ident, why in run["not_run"].items())
    return text


def notes(run):
    """What the cells say about themselves."""
    lines = [f"* *{name}*: {note}" for name, cell in run["cells"].items()
             for note in cell.get("notes", ())]
    return "\nOf the cells\n============\n\n" + "\n".join(lines) + "\n" if lines else ""


def pictures(files):
    """The plots."""
    if not files:
        return ""
    return "\nPlots\n=====\n" + "".join(f"\n.. image:: {path.name}\n" for path in files)


def enter(index, name):
    """Have the table of contents name the page."""
    text = index.read_text()
    if f"   {name}\n" not in text:
        index.write_text(text.rstrip("\n") + f"\n   {name}\n")


@dataclasses.dataclass(frozen=True)
class Page:
    """A page of the documentation that shows the last run of a suite."""
    name: str                   # of its file, without what it ends in
    stem: str                   # what the names of its plots begin with
    head: str                   # the title, and what the figures are
    how: str                    # what stands behind them

    def write(self, run, columns, plots, directory):
        """Write the page, put the plots beside it and enter it in the index."""
        for stale in directory.glob(f"{self.stem}-*.svg"):
            stale.unlink()
        for path in plots:
            shutil.copyfile(path, directory / path.name)
        page = directory / f"{self.name}.rst"
        page.write_text(self.head + environment(run) + older(run) + goals(run, columns)
                        + self.how + notes(run) + pictures(plots))
        enter(directory / "index.rst", self.name)
        return page
