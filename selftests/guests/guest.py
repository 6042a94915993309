# SPDX-License-Identifier: GPL-2.0
"""Runs one guest: stock QEMU, Debian's kernel, the image of image.py.

    with Guest("web1", image, work, mem_mib=192, mem_path=path) as guest:
        guest.wait_ready()
        guest.call("fill", name="web1", size_mib=8, warm_mib=16)

A guest's memory is a file that QEMU makes at @mem_path, or an unlinked one in
it where that is a directory; with no path it is anonymous.  A launcher, such
as `esxmemctl run ... --`, is put before QEMU and makes the file itself.  In
memory aligned to 2 MiB guests may get large frames.  Time limits here catch
guests that hang; they are no measure of speed.
"""

import json
import pathlib
import select
import socket
import subprocess
import time

import flags
from lab import machine
import qmp
import tap

BOOT_LIMIT_S = 600
CALL_LIMIT_S = 600
QEMU = "qemu-system-x86_64"
KERNEL_PARAMETERS = ("console=ttyS0 loglevel=4 panic=-1 oops=panic "
                     "random.trust_cpu=on no_timer_check "
                     "8250.nr_uarts=1 audit=0")


class GuestError(Exception):
    """A guest did not do what it was asked to."""


class EmulationError(GuestError, tap.BedFailure):
    """A guest's processor was emulated wrongly, see flags.py."""


class Guest:
    """A guest and its QEMU; a context manager that ends both."""

    def __init__(self, name, image, work, mem_mib=192, mem_path=None,
                 align="2M", accel="kvm", disk=None, launcher=(), extra=(),
                 parameters=""):
        self.name = name
        self.mem_mib = mem_mib
        self.mem_path = mem_path
        self._image = image
        self._work = pathlib.Path(work)
        self._align = align
        self._accel = accel
        self._disk = disk
        self._launcher = list(launcher)
        self._extra = list(extra)
        self._parameters = f"{KERNEL_PARAMETERS} {parameters}".rstrip()
        self._errors = None
        self._agent = None
        self._pending = b""
        self._qmp = None
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    # Life

    def start(self):
        """Start QEMU; the guest boots meanwhile."""
        self._errors = open(self._path("errors"), "wb")
        self.process = subprocess.Popen(
            self.command_line(), stdin=subprocess.DEVNULL,
            stdout=self._errors, stderr=self._errors,
            preexec_fn=machine.die_with_parent)
        self._agent = self._connect("agent")
        self._qmp = qmp.Qmp(self._connect("qmp"))

    def command_line(self):
        """Return the command that starts QEMU."""
        return [*self._launcher, QEMU, "-name", self.name, "-nodefaults",
                "-no-user-config", "-display", "none", "-no-reboot",
                "-accel", self._accel,
                "-cpu", "host" if self._accel == "kvm" else "max",
                *self._memory_options(),
                "-kernel", str(self._image.kernel),
                "-initrd", str(self._image.initrd),
                "-append", self._parameters,
                *self._disk_options(), *self._port_options(),
                "-device", "virtio-balloon-pci,id=balloon",
                *self._extra]

    def kill(self):
        """End QEMU at once and forget its memory file."""
        if self.process:
            self._end_process()
        for channel in (self._agent, self._qmp, self._errors):
            if channel:
                channel.close()
        self._agent = self._qmp = self._errors = None
        if self.mem_path and not self.mem_path.is_dir():
            self.mem_path.unlink(missing_ok=True)

    def stop(self):
        """Switch the guest off in good order; return QEMU's exit status."""
        self._send({"do": "off"})
        status = self.process.wait(CALL_LIMIT_S)
        self.kill()
        return status

    def is_running(self):
        """Say whether QEMU still runs."""
        return self.process.poll() is None

    # Talk

    def begin_hello(self):
        """Ask the agent for a sign of life; end_call() returns it."""
        self._send({"do": "hello"})

    def wait_ready(self, limit_s=BOOT_LIMIT_S):
        """Return the agent's greeting when the guest has booted."""
        self.begin_hello()
        return self.end_call(limit_s)

    def call(self, do, limit_s=CALL_LIMIT_S, **arguments):
        """Have the agent do something; return its result."""
        self.begin_call(do, **arguments)
        return self.end_call(limit_s)

    def begin_call(self, do, **arguments):
        """Send a request to the agent; end_call() must follow."""
        self._send({"do": do, **arguments})

    def end_call(self, limit_s=CALL_LIMIT_S):
        """Return the result of the request that was begun."""
        deadline = time.monotonic() + limit_s
        while not self.poll_reply(0.5):
            if time.monotonic() > deadline:
                raise GuestError(f"{self.name} does not answer: "
                                 + self.last_words())
        return self._take_reply()

    def poll_reply(self, wait_s=0.0):
        """Say whether the reply to the request that was begun is there."""
        if b"\n" in self._pending:
            return True
        readable, _, _ = select.select([self._agent], [], [], wait_s)
        if readable:
            self._pending += self._receive()
        return b"\n" in self._pending

    def qmp(self, command, **arguments):
        """Run a QMP command; return its result."""
        return self._qmp.execute(command.replace("_", "-"), **arguments)

    def last_words(self):
        """Return the end of what QEMU and the guest's console said."""
        texts = [machine.read_text(self._path(kind))[-1500:]
                 for kind in ("errors", "console")]
        return "\n".join(text for text in texts if text) or "(nothing said)"

    def _ended(self, how):
        """Return the error that says that the guest has ended, and why."""
        lost = flags.impossible(machine.read_text(self._path("console")))
        text = f"{self.name}: {how}: {self.last_words()}"
        if lost is None:
            return GuestError(text)
        return EmulationError(f"{text}\n{self.name}: flags {lost:08x}, which no "
                              "processor can have: QEMU lost them")

    def _send(self, request):
        try:
            self._agent.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise self._ended(str(error)) from error

    def _receive(self):
        try:
            data = self._agent.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            raise self._ended("has ended")
        return data

    def _take_reply(self):
        line, _, self._pending = self._pending.partition(b"\n")
        reply = json.loads(line)
        if "error" in reply:
            raise GuestError(f"{self.name}: {reply['error']}")
        return reply["result"]

    def _end_process(self):
        # A launcher passes SIGTERM on to QEMU and tidies up after it.
        if self._launcher:
            self.process.terminate()
        else:
            self.process.kill()
        self.process.wait()

    # QEMU's options

    def _path(self, kind):
        return self._work / f"{self.name}.{kind}"

    def _memory_options(self):
        options = ["-m", str(self.mem_mib)]
        if self.mem_path is None:
            return options + ["-machine", "q35,mem-merge=off"]
        if self._launcher:      # it adds the memory itself
            return options + ["-machine", "q35"]
        path = machine.escape(self.mem_path)
        return options + [
            "-machine", "q35,memory-backend=ram",
            "-object", f"memory-backend-file,id=ram,size={self.mem_mib}M,"
                       f"mem-path={path},share=on,align={self._align}"]

    def _disk_options(self):
        options = ["-drive", f"file={machine.escape(self._image.disk)},"
                             "if=virtio,format=raw,readonly=on,"
                             "file.locking=off"]
        if self._disk:
            options += ["-drive", f"file={machine.escape(self._disk)},"
                                  "if=virtio,format=raw,cache=none"]
        return options

    def _port_options(self):
        agent, control = self._path("agent"), self._path("qmp")
        console = self._path("console")
        return ["-chardev", f"file,id=console,path={machine.escape(console)}",
                "-serial", "chardev:console",
                "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=agent,path={machine.escape(agent)},"
                            "server=on,wait=off",
                "-device", "virtserialport,chardev=agent,name=agent",
                "-chardev", f"socket,id=qmp,path={machine.escape(control)},"
                            "server=on,wait=off",
                "-mon", "chardev=qmp,mode=control"]

    def _connect(self, kind):
        """Return a connection to QEMU's socket @kind once it listens."""
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._path(kind)))
                return connection
            except OSError:
                connection.close()
                if not self.is_running():
                    raise GuestError(f"{self.name}: QEMU did not start: "
                                     + self.last_words()) from None
                time.sleep(0.05)


def wait_all_ready(guests, tell=lambda text: None):
    """Wait until all @guests have booted; tell of each one."""
    for guest in guests:
        guest.begin_hello()
    waiting = list(guests)
    deadline = time.monotonic() + BOOT_LIMIT_S
    while waiting:
        for guest in [g for g in waiting if g.poll_reply(0.2)]:
            guest.end_call()
            waiting.remove(guest)
            tell(f"{guest.name} is up")
        if time.monotonic() > deadline:
            raise GuestError(f"{waiting[0].name} did not boot: "
                             + waiting[0].last_words())


def call_all(guests, do, each=None, **arguments):
    """Have all @guests do something at once; return the results by name.

    @each gives the further arguments for one guest.
    """
    for guest in guests:
        guest.begin_call(do, **arguments, **(each(guest) if each else {}))
    return {guest.name: guest.end_call() for guest in guests}
