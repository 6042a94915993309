# SPDX-License-Identifier: GPL-2.0
"""The record of a run: out/bench.json, or as the suite is called."""

import json
import os

# What must be the same for figures to stand side by side.
SAME = ("cpu", "cpus", "memory_mib", "kernel")


class OtherMachine(Exception):
    """The last run does not go with this one."""


def begin(judge_all, environment, options, last=None):
    """A run of no cells yet, or one that keeps the cells of @last.

    Those are marked with when and of which commit they were made.  @judge_all
    is as for judge().
    """
    run = {"environment": environment, "options": options, "seconds": 0, "cells": {}}
    if last:
        differ = [key for key in SAME if last["environment"][key] != environment[key]]
        if differ or last["options"]["quick"] != options["quick"]:
            raise OtherMachine("the last run was made otherwise: "
                               + (", ".join(differ) or "quick"))
        run.update(seconds=last["seconds"], cells=last["cells"])
        for cell in run["cells"].values():
            cell.setdefault("made", {key: last["environment"][key] for key in ("date", "commit")})
    judge(judge_all, run)
    return run


def judge(judge_all, run):
    """Compare what has been measured with the goals.

    judge_all({name: cell}) returns (rows, {id: why there is no row}).
    """
    run["goals"], run["not_run"] = judge_all(run["cells"])
    run["failed"] = [name for name, cell in run["cells"].items() if "error" in cell]


def save(run, path):
    """Write the record, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".json.new")
    scratch.write_text(json.dumps(run, indent=1) + "\n")
    os.replace(scratch, path)


def load(path):
    """Read a record."""
    return json.loads(path.read_text())
