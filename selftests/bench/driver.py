# SPDX-License-Identifier: GPL-2.0
"""Runs a suite of measurements: the benchmark, or the experiments.

Cells are run one after the other; after each the record, out/NAME.json, is
saved.  The plots are in out/NAME.  The table of goals is printed last.

Exit status: 0 the cells ran and their contents were right, whether or not a
goal is met; 1 a cell failed; 2 misused.
"""

import argparse
import dataclasses
import pathlib
import signal
import sys
import traceback
import typing

from bench import cells
from bench import environment
from bench import page
from bench import progress
from bench import record
from bench import table

REPO = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = REPO / "Documentation/esxmem"


@dataclasses.dataclass(frozen=True)
class Suite:
    """What is run, what must hold, and how it is shown."""
    name: str
    what: str                   # for --help
    cells: typing.Callable      # cells(options) -> [(bed, Cell)]
    judge_all: typing.Callable  # see record.judge()
    columns: table.Columns
    draw_all: typing.Callable   # draw_all(run, directory) -> files
    page: page.Page


def parse_arguments(suite, arguments):
    """Parse the command line; misuse exits with status 2."""
    parser = argparse.ArgumentParser(
        prog=suite.name, description=suite.what,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,...", default="",
                        help="cells, goals or beds; without it, all")
    parser.add_argument("--again", action="store_true",
                        help="keep the last run's figures of the cells that are not run now")
    parser.add_argument("--quick", action="store_true",
                        help="small sizes, one repetition: a look, not for the record")
    parser.add_argument("--repetitions", type=int, default=0, metavar="N",
                        help="of each arm, instead of what each cell thinks right")
    parser.add_argument("--seed", type=int, default=cells.Options.seed)
    parser.add_argument("--out", type=pathlib.Path, default=REPO / "out", metavar="DIR")
    parser.add_argument("--list", action="store_true", help="name the cells and stop")
    parser.add_argument("--table", action="store_true",
                        help="run nothing: print the table of the last run")
    parser.add_argument("--docs", action="store_true",
                        help="run nothing: write the page of the documentation from the last run")
    parser.add_argument("--verbose", action="store_true", help="show the kernels' logs")
    return parser.parse_args(arguments)


def choose(found, only):
    """The cells that @only asks for; ValueError for a word that names nothing."""
    words = [word for word in only.replace(" ", ",").split(",") if word]
    if not words:
        return found
    for word in words:
        if not any(word in names_of(bed, cell) for bed, cell in found):
            raise ValueError(f"there is no cell, goal or bed {word}")
    return [(bed, cell) for bed, cell in found
            if any(word in names_of(bed, cell) for word in words)]


def names_of(bed, cell):
    """What a cell goes by."""
    return (bed, cell.name, *cell.goals)


def run_cell(bed, cell, display):
    """Run a cell; return what goes into the record."""
    result = {"bed": bed, "what": cell.what, "goals": list(cell.goals),
              "load": environment.load(), "started_s": round(display.elapsed(), 1)}
    error = None
    display.begin(cell)
    try:
        result.update(cell.run(display))
    except cells.CellError as failure:
        error = str(failure)
    except Exception:                                   # pylint: disable=broad-except
        error = traceback.format_exc()
    if error:
        result["error"] = error
    display.end(cell, error)
    result["seconds"] = round(display.elapsed() - result["started_s"], 1)
    return result


def run_all(suite, chosen, options, path, last):
    """Run the chosen cells; save after each, so that an interrupted run is not lost."""
    display = progress.Display([cell for _, cell in chosen])
    run = record.begin(suite.judge_all, environment.describe(),
                       dataclasses.asdict(options), last)
    before = run["seconds"]
    for bed, cell in chosen:
        run["cells"][cell.name] = run_cell(bed, cell, display)
        run["seconds"] = round(before + display.elapsed(), 1)
        record.judge(suite.judge_all, run)
        record.save(run, path)
    return run


def draw(suite, run, out):
    """Draw the plots; without the library, say so and go on."""
    try:
        return suite.draw_all(run, out / suite.name)
    except ImportError:
        print(f"{suite.name}: no plots: python3-matplotlib is missing (tools/deps/install bench)",
              file=sys.stderr)
        return []


def show_last(suite, arguments, path):
    """Print the last run, or write the documentation from it."""
    if not path.exists():
        print(f"{suite.name}: there is no {path}: make {suite.name}", file=sys.stderr)
        return 2
    run = record.load(path)
    print(table.render(run, suite.columns))
    if arguments.docs:
        if run["options"]["quick"]:
            print(f"{suite.name}: the last run was a quick one: not for the record", file=sys.stderr)
            return 2
        print(suite.page.write(run, suite.columns, draw(suite, run, arguments.out), PAGES))
    return 0


def raise_exit(number, _frame):
    """Signal handler: unwind, so that everything is cleaned up."""
    sys.exit(128 + number)


def main(suite, words):
    """Entry point; return the exit status."""
    arguments = parse_arguments(suite, words)
    path = arguments.out / f"{suite.name}.json"
    if arguments.table or arguments.docs:
        return show_last(suite, arguments, path)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, raise_exit)
    options = cells.Options(arguments.quick, arguments.repetitions, arguments.seed,
                            arguments.verbose)
    try:
        chosen = choose(suite.cells(options), arguments.only)
    except ValueError as error:
        print(f"{suite.name}: {error}", file=sys.stderr)
        return 2
    if arguments.list:
        for bed, cell in chosen:
            print(f"{bed:8}{cell.name:26}{cell.seconds:5.0f} s  {cell.what}")
        return 0
    try:
        last = record.load(path) if arguments.again and path.exists() else None
        run = run_all(suite, chosen, options, path, last)
    except record.OtherMachine as error:
        print(f"{suite.name}: {error}", file=sys.stderr)
        return 2
    print(table.render(run, suite.columns))
    draw(suite, run, arguments.out)
    for name in run["failed"]:
        print(f"{suite.name}: cell {name} failed: {run['cells'][name]['error']}", file=sys.stderr)
    return 1 if run["failed"] else 0
