# SPDX-License-Identifier: GPL-2.0
"""Talks to the program hold: memory of known contents in a process."""

import contextlib
import json
import pathlib
import subprocess

import host
from lab import machine

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "out" / "hold"
PAGE = 4096
LARGE = 2 << 20


class Hold:
    """A process that holds @mib of the data set @contents; a context manager.

    @memory is "small", "thp", or "file", a new memory file.
    """

    NAME = "bench"

    def __init__(self, memory, contents, mib, seed):
        self._path = host.MOUNT / self.NAME if memory == "file" else None
        self.pages = (mib << 20) // PAGE
        self._process = subprocess.Popen(
            [PROGRAM, self._path or memory, contents, str(mib), str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=machine.die_with_parent)
        self.pid = self._take()["pid"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        if self._path:
            self._path.unlink()

    def do(self, command):
        """Have it do something; return what it says."""
        with contextlib.suppress(BrokenPipeError):      # its last words say why
            self._process.stdin.write(f"{command}\n")
            self._process.stdin.flush()
        return self._take()

    def check(self):
        """Fail unless all contents are what they should be."""
        wrong = self.do("check")["wrong"]
        if wrong:
            raise RuntimeError(f"{wrong} pages hold what they should not")

    def large_pages(self):
        """Return how many large pages it has."""
        if self._path:
            return host.Vm(self.NAME).get("huge_bytes") // LARGE
        maps = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        kib = next(line.split()[1] for line in maps.splitlines()
                   if line.startswith("AnonHugePages:"))
        return int(kib) * 1024 // LARGE

    def _take(self):
        line = self._process.stdout.readline()
        if not line.startswith("{"):
            raise RuntimeError(f"hold: {line or 'ended'}")
        return json.loads(line)


def check_audit():
    """Fail if a page map breaks an invariant."""
    found = host.audit()
    if found["violations"]:
        raise RuntimeError(f"violations found by the audit: {found}")
