# SPDX-License-Identifier: GPL-2.0
"""The virtual host of this bed: started for the first cell, kept for the rest.

It runs inside/serve.py, which takes a request a line from a port and answers
with progress and at last a result.  A host that dies is started anew for the
next cell; one with other properties takes its place.
"""

import atexit
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time

from ..cells import CellError

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[2]
PORT = "bench"
MEM_MIB = 3072
# Not measures of speed: how long to wait for what must come.
START_LIMIT_S = 900
CELL_LIMIT_S = 1800
END_LIMIT_S = 120
# One instruction is one nanosecond of the machine's time.
COUNTING = ["--device", "-icount shift=0,sleep=off"]
# Else the slabs of esxmem and of others are one.
APPEND = ["--append", "slab_nomerge"]

_current = None


def run(row, options, progress):
    """Have the virtual host measure the cell @row; return the result."""
    request = {"cell": module_of(row), "directory": str(row.directory),
               "quick": options.quick, "repetitions": options.repetitions,
               "seed": options.seed}
    return host(row.counting, options, progress).measure(request, progress)


def module_of(row):
    """Return the name of the module in the row's directory that measures it."""
    return row.name.removesuffix("_instructions")


def host(counting, options, progress):
    """Return the virtual host, started if need be."""
    global _current
    if _current and not (_current.is_alive() and _current.counting == counting):
        close()
    if not _current:
        progress.say("starting the virtual host")
        _current = Host(counting, options.verbose)
    return _current


@atexit.register
def close():
    """End the virtual host."""
    global _current
    if _current:
        _current.close()
    _current = None


def build():
    """Make what runs in the virtual host."""
    for directory in (HERE, REPO / "tools"):
        done = subprocess.run(["make", "-C", directory], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise CellError(f"make -C {directory}: {done.stdout[-2000:]}")


class Host:
    """A running virtual host and the port to it."""

    def __init__(self, counting, verbose):
        self.counting = counting
        self._pending = b""
        self._directory = tempfile.TemporaryDirectory(prefix="esxmem-bench-")
        self._said = Tail()
        build()
        self._process = self._start(verbose)
        self._said.follow(self._process.stdout)
        self._port = self._connect()

    def _start(self, verbose):
        path = self._path()
        options = COUNTING if self.counting else []
        return subprocess.Popen(
            [REPO / "selftests" / "guests" / "run", "--mem", str(MEM_MIB),
             "--timeout", "7200", *APPEND, *options,
             *(["--verbose"] if verbose else []),
             "--device", f"-chardev socket,id={PORT},path={path},server=on,wait=off",
             "--device", f"-device virtserialport,chardev={PORT},name={PORT}",
             "--", "python3", HERE / "inside" / "serve.py"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=None if verbose else subprocess.STDOUT)

    def _path(self):
        return os.path.join(self._directory.name, PORT)

    def _connect(self):
        deadline = time.monotonic() + START_LIMIT_S
        port = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        while True:
            try:
                port.connect(self._path())
                return port
            except (FileNotFoundError, ConnectionRefusedError):
                if not self.is_alive() or time.monotonic() > deadline:
                    raise self._dead() from None
                time.sleep(0.2)

    def is_alive(self):
        """Say whether the virtual host still runs."""
        return self._process.poll() is None

    def measure(self, request, progress):
        """Have a cell measured; return what it found."""
        self._port.sendall(json.dumps(request).encode() + b"\n")
        deadline = time.monotonic() + START_LIMIT_S + CELL_LIMIT_S
        while True:
            reply = json.loads(self._line(deadline))
            if "say" in reply:
                progress.say(reply["say"])
            elif "error" in reply:
                raise CellError(reply["error"])
            elif "result" in reply:
                return reply["result"]

    def _line(self, deadline):
        while b"\n" not in self._pending:
            readable, _, _ = select.select([self._port], [], [], 1)
            data = self._receive() if readable else b""
            self._pending += data
            if not self.is_alive() or (readable and not data):
                raise self._dead()
            if time.monotonic() > deadline:
                raise CellError("the virtual host does not answer")
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def _receive(self):
        try:
            return self._port.recv(1 << 16)
        except ConnectionResetError:
            return b""

    def _dead(self):
        return CellError(f"the virtual host is gone: {self._said.text()}")

    def close(self):
        """End the virtual host; say what its end is if it is not a good one."""
        try:
            self._port.sendall(b'{"cell": null}\n')
            status = self._process.wait(END_LIMIT_S)
            if status:
                print(f"virtual host: status {status}: {self._said.text()}",
                      file=sys.stderr)
        except (OSError, subprocess.TimeoutExpired):
            self._process.terminate()
            self._process.wait()
        self._port.close()
        self._directory.cleanup()


class Tail:
    """The end of what a process says, read so that it never has to wait."""

    def __init__(self):
        self._data = b""

    def follow(self, stream):
        """Read @stream from now on."""
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream):
        for line in stream:
            self._data = (self._data + line)[-4000:]

    def text(self):
        """Return the end of it."""
        return self._data.decode(errors="replace")
