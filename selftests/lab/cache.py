# SPDX-License-Identifier: GPL-2.0
"""Where the lab keeps what is costly to make: kernels and module builds.

Nothing is ever built in the source tree.  An entry of the cache is complete or
absent: makers work in a sibling directory and rename it into place.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile

WORKSPACE = "esxmem-lab"


class LabError(Exception):
    """The lab itself failed, as opposed to the command it was to run."""


def root():
    """Return the cache directory, made on first use."""
    base = os.environ.get("ESXMEM_CACHE")
    if not base:
        base = os.path.join(os.environ.get("XDG_CACHE_HOME") or
                            os.path.expanduser("~/.cache"), "esxmem")
    path = pathlib.Path(base).absolute()
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def workspace():
    """Yield a directory for one run of the lab, removed afterwards.

    It is in /tmp because sockets are made in it and their paths must be short.
    The name tells the process, so that the next run can clean up after one
    that was killed.
    """
    for stale in pathlib.Path("/tmp").glob(f"{WORKSPACE}.*.*"):
        if not pathlib.Path("/proc", stale.name.split(".")[1]).exists():
            shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(
            prefix=f"{WORKSPACE}.{os.getpid()}.", dir="/tmp") as directory:
        yield pathlib.Path(directory)


@contextlib.contextmanager
def lock(name):
    """Let one process at a time make the cache entry @name."""
    locks = root() / "locks"
    locks.mkdir(exist_ok=True)
    with open(locks / name, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def staging(entry):
    """Yield a scratch directory that becomes @entry if the body succeeds."""
    for stale in entry.parent.glob(f".{entry.name}.*"):
        shutil.rmtree(stale, ignore_errors=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f".{entry.name}.",
                                            dir=entry.parent))
    try:
        yield scratch
        scratch.chmod(0o755)
        scratch.rename(entry)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
