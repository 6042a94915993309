# SPDX-License-Identifier: GPL-2.0
"""How often threads of the kernel call functions of the kernel.

Probes of tracefs count in the kernel, by thread; nothing is lost, and the
functions may be any that the stock kernel knows.
"""

import os
import pathlib
import re

TRACING = pathlib.Path("/sys/kernel/tracing")
GROUP = "bench"
COUNT = "hist:keys=common_pid"
ENTRY = re.compile(r"common_pid:\s*(\d+)\s*\} hitcount:\s*(\d+)")


class Probe:
    """Counts the calls of a function of the kernel."""

    def __init__(self, function):
        self.name = function
        self._directory = TRACING / "events" / GROUP / function
        self._condition = ""

    def start(self):
        """Count from now on."""
        append(TRACING / "kprobe_events", f"p:{GROUP}/{self.name} {self.name}")
        append(self._directory / "trigger", COUNT + self._condition)

    def stop(self):
        """Count no longer, and forget."""
        append(self._directory / "trigger", "!" + COUNT + self._condition)
        append(TRACING / "kprobe_events", f"-:{GROUP}/{self.name}")

    def by_thread(self):
        """Return [(thread, number)]."""
        text = (self._directory / "hist").read_text()
        return [(int(thread), int(number)) for thread, number in ENTRY.findall(text)]


class Event(Probe):
    """Counts an event that the kernel traces, where a condition holds."""

    def __init__(self, event, condition):
        super().__init__(event.rpartition("/")[2])
        self._directory = TRACING / "events" / event
        self._condition = f" if {condition}"

    def start(self):
        append(self._directory / "trigger", COUNT + self._condition)

    def stop(self):
        append(self._directory / "trigger", "!" + COUNT + self._condition)


class Calls:
    """Has @probes count in the body of a with statement."""

    def __init__(self, probes):
        self._probes = list(probes)

    def __enter__(self):
        for probe in self._probes:
            probe.start()
        return self

    def __exit__(self, *_):
        for probe in self._probes:
            probe.stop()

    def of(self, threads):
        """Return {name: number} of @threads since the start of the body."""
        return {probe.name: sum(number for thread, number in probe.by_thread()
                                if thread in threads)
                for probe in self._probes}


def append(path, line):
    """Write a line to a control file, which can neither be emptied nor sought."""
    control = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(control, f"{line}\n".encode())
    finally:
        os.close(control)
