# SPDX-License-Identifier: GPL-2.0
"""The kernel's log, from a moment on."""

import os

import lab          # noqa: F401 -- klog and others can be imported then
import klog


class Log:
    """What the kernel says from now on."""

    def __init__(self):
        self._file = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self._file, 0, os.SEEK_END)

    def lines(self):
        """Return what was said."""
        said = []
        while True:
            try:
                record = os.read(self._file, 8192)
            except BlockingIOError:
                return said
            except BrokenPipeError:     # some were lost; the rest will do
                continue
            said.append(record.decode(errors="replace").partition(";")[2].strip())

    def check(self):
        """Fail if there was trouble."""
        lines = self.lines()
        trouble = klog.find_trouble(lines, [])
        if trouble is not None:
            raise RuntimeError("the kernel was in trouble: "
                               + "\n".join(lines[trouble:trouble + 20]))
