# SPDX-License-Identifier: GPL-2.0
"""Large pages of this machine for the memory of a User-Mode kernel.

A kernel on a real machine maps its memory by 2 MB pages or larger ones.  A
User-Mode kernel's memory is a file, and is mapped by large pages where its
filesystem has them.
"""

import contextlib
import pathlib
import subprocess
import tempfile

ORDINARY = pathlib.Path("/dev/shm")


@contextlib.contextmanager
def directory():
    """Yield a directory for such files; /dev/shm where large pages cannot be had."""
    with tempfile.TemporaryDirectory(prefix="esxmem-memory-") as point:
        command = ["mount", "-t", "tmpfs", "-o", "huge=always,mode=0700", "esxmem-memory", point]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        if done.returncode:
            yield ORDINARY
            return
        try:
            yield pathlib.Path(point)
        finally:
            subprocess.run(["umount", "--lazy", point], check=True)

