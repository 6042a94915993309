# SPDX-License-Identifier: GPL-2.0
"""Commands in a guest's shell that have to succeed."""


def run(guest, command):
    """Run a command in the guest; return what it says."""
    return output(guest, guest.call("run", command=command))


def output(guest, done):
    """Return what a command that was run in the guest said."""
    if done["status"]:
        raise RuntimeError(f"{guest.name}: {done['output']}")
    return done["output"]
