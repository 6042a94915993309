#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The agent in a guest: holds the guest's content, makes load, answers.

It talks by the virtio-serial port "agent": one JSON object a line, a request
{"do": NAME, ...} answered by {"result": ...} or {"error": TEXT}.  The requests
are the methods of Agent whose names begin with "do_".
"""

import glob
import hashlib
import http.client
import importlib
import json
import mmap
import os
import pathlib
import sqlite3
import subprocess
import threading
import time
import traceback

import content
from content import MIB, PAGE

WORK = pathlib.Path("/run/content")
MANIFEST = pathlib.Path("/usr/share/guest-manifest.json")
# What a Python program of some size imports.
IMPORTS = ("argparse", "asyncio", "csv", "ctypes", "decimal", "difflib",
           "email.message", "fractions", "html.parser", "http.server",
           "logging.handlers", "multiprocessing.pool", "pydoc", "statistics",
           "tarfile", "unittest", "urllib.request", "xml.dom.minidom",
           "xml.etree.ElementTree", "zipfile")


def find_port():
    """Return the device of the port called "agent"."""
    for path in glob.glob("/sys/class/virtio-ports/*/name"):
        if pathlib.Path(path).read_text().strip() == "agent":
            return f"/dev/{path.split('/')[-2]}"
    raise FileNotFoundError("no virtio-serial port called agent")


def sectors_read(disk):
    """Return how many sectors have been read from @disk."""
    return int(pathlib.Path(f"/sys/block/{disk}/stat").read_text().split()[2])


class Load:
    """Keeps the web server and a database busy, and checks what they say."""

    def __init__(self, files):
        self._files = files
        self._pause = 0.0
        self.counts = {"web": 0, "database": 0, "bad": 0}
        self.problem = None
        threading.Thread(target=self._run, daemon=True).start()

    def set_rate(self, per_second):
        """Make @per_second requests of each kind a second; 0: none."""
        self._pause = 1 / per_second if per_second else 0.0

    def _run(self):
        # The growing database is not part of the checked content.
        log = sqlite3.connect(WORK / "load.db")
        log.execute("CREATE TABLE hit (nr INTEGER PRIMARY KEY, path TEXT, "
                    "digest TEXT)")
        nr = 0
        while True:
            if not self._pause:
                time.sleep(0.2)
                continue
            try:
                self._one_request(log, nr)
            except (OSError, http.client.HTTPException,
                    sqlite3.Error) as error:
                self._complain(repr(error))
            nr += 1
            time.sleep(self._pause)

    def _one_request(self, log, nr):
        path, digest = self._files[nr * 31 % len(self._files)]
        if hashlib.sha256(fetch(path)).hexdigest() != digest:
            self._complain(f"the web server gave a wrong {path}")
        self.counts["web"] += 1
        log.execute("INSERT INTO hit VALUES (?, ?, ?)", (nr, path, digest))
        log.execute("DELETE FROM hit WHERE nr < ?", (nr - 2000,))
        log.commit()
        rows = log.execute("SELECT path, digest FROM hit WHERE nr % 7 = ?",
                           (nr % 7,)).fetchall()
        if (path, digest) not in rows:
            self._complain("the database lost a row")
        self.counts["database"] += 1

    def _complain(self, text):
        self.counts["bad"] += 1
        self.problem = text


def fetch(path):
    """Return what the web server has at @path."""
    connection = http.client.HTTPConnection("127.0.0.1", timeout=300)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status != 200:
            raise http.client.HTTPException(f"{path}: {response.status}")
        return response.read()
    finally:
        connection.close()


class Agent:
    """Answers requests."""

    def __init__(self):
        self._content = None
        self._warm = []
        self._load = None
        self._held = None

    def answer(self, request):
        """Return the reply to @request."""
        try:
            method = getattr(self, f"do_{request.pop('do')}")
            return {"result": method(**request)}
        except Exception:       # whatever it is, the other side should see it
            return {"error": traceback.format_exc()}

    def do_hello(self):
        """Say that the guest is up."""
        return {"kernel": os.uname().release,
                "uptime": float(read_first("/proc/uptime"))}

    def do_fill(self, name, size_mib, warm_mib):
        """Make the content; read files of /usr; import modules."""
        for module in IMPORTS:
            importlib.import_module(module)
        manifest = json.loads(MANIFEST.read_text())
        self._warm = content.warm_files(manifest, warm_mib * MIB)
        for path, _ in self._warm:
            pathlib.Path(path).read_bytes()
        self._content = content.Content(name, size_mib, WORK)
        return {"files": len(self._warm), "memory": meminfo()}

    def do_load(self, per_second):
        """Set the rate of the load; it is off at first."""
        if not self._load:
            self._load = Load(self._warm)
        self._load.set_rate(per_second)

    def do_load_counts(self):
        """Return what the load has done and seen."""
        return dict(self._load.counts, problem=self._load.problem)

    def do_write(self, nr):
        """Make write number @nr to the content."""
        self._content.write(nr)

    def do_digests(self):
        """Return the digests of the content and of the files read.

        usr_sectors says how much of the files was not in the page cache: what
        came from the disk says nothing about memory.
        """
        before = sectors_read("vda")
        usr, bad = digest_files(self._warm)
        sectors = sectors_read("vda") - before
        return {"digests": dict(self._content.digests(), usr=usr),
                "bad_files": bad[:10], "usr_sectors": sectors}

    def do_touch(self, mib):
        """Write to @mib MiB of memory and give it back to the kernel."""
        with private_memory(mib) as memory:
            for at in range(0, len(memory), PAGE):
                memory[at:at + 8] = at.to_bytes(8, "little")
        return meminfo()

    def do_hold(self, mib):
        """Keep @mib MiB of memory of a pattern, in place of what was kept."""
        self._held = None
        if mib:
            self._held = private_memory(mib)
            for at in range(0, len(self._held), PAGE):
                self._held[at:at + PAGE] = at.to_bytes(8, "little") * 512
        return meminfo()

    def do_memory(self):
        """Return the figures of /proc/meminfo in KiB."""
        return meminfo()

    def do_disk(self, label, mib, rounds):
        """Write and read a whole disk directly; return its digest."""
        disk = DirectDisk("/dev/vdb", mib * MIB)
        for nr in range(rounds):
            disk.write(f"{label} {nr}")
            disk.verify(f"{label} {nr}")
        return disk.digest()

    def do_run(self, command):
        """Run a shell command; return its status and output."""
        done = subprocess.run(command, shell=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        return {"status": done.returncode, "output": done.stdout}

    def do_off(self):
        """Switch the guest off; there is no reply."""
        os.sync()
        subprocess.run(["busybox", "poweroff", "-f"], check=True)


class DirectDisk:
    """A disk read and written past the page cache, by way of one buffer."""

    STEP = 256 * 1024

    def __init__(self, path, size):
        self._file = os.open(path, os.O_RDWR | os.O_DIRECT)
        self._size = size
        # Direct I/O needs an aligned address: an anonymous mapping has one.
        self._buffer = mmap.mmap(-1, self.STEP)

    def write(self, label):
        """Fill the disk with what @label stands for."""
        for at in range(0, self._size, self.STEP):
            self._buffer[:] = content.stream(f"{label} {at}", self.STEP)
            check_whole(os.pwritev(self._file, [self._buffer], at), self.STEP)

    def verify(self, label):
        """Fail unless the disk holds what @label stands for."""
        for at in range(0, self._size, self.STEP):
            self._read(at)
            if self._buffer[:] != content.stream(f"{label} {at}", self.STEP):
                raise ValueError(f"wrong data at byte {at} of the disk")

    def digest(self):
        """Return the digest of the disk's contents."""
        digest = hashlib.sha256()
        for at in range(0, self._size, self.STEP):
            self._read(at)
            digest.update(self._buffer)
        os.close(self._file)
        return digest.hexdigest()

    def _read(self, at):
        # What was there must not pass for what should have been read.
        self._buffer[:] = bytes(self.STEP)
        check_whole(os.preadv(self._file, [self._buffer], at), self.STEP)


def private_memory(mib):
    """Return @mib MiB of anonymous memory."""
    return mmap.mmap(-1, mib * MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def check_whole(count, wanted):
    """Fail unless a transfer was complete."""
    if count != wanted:
        raise OSError(f"short transfer: {count} of {wanted} bytes")


def digest_files(files):
    """Return the digest of all @files, and the paths of those that differ."""
    found = []
    for path, _ in files:
        with open(path, "rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        found.append((path, digest))
    bad = [path for (path, digest), (_, wanted) in zip(found, files)
           if digest != wanted]
    return content.files_digest(found), bad


def meminfo():
    """Return /proc/meminfo as a table of KiB."""
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}


def read_first(path):
    """Return the first word of a file."""
    return pathlib.Path(path).read_text().split()[0]


def serve(port, agent):
    """Answer requests for ever.

    A port whose other side is not connected reads as ended.
    """
    pending = b""
    while True:
        data = os.read(port, 65536)
        if not data:
            time.sleep(0.1)
            continue
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            reply = json.dumps(agent.answer(json.loads(line))) + "\n"
            send(port, reply.encode())


def send(port, data):
    """Write all of @data."""
    while data:
        data = data[os.write(port, data):]


if __name__ == "__main__":
    serve(os.open(find_port(), os.O_RDWR), Agent())
