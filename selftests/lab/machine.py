# SPDX-License-Identifier: GPL-2.0
"""Runs one virtual host: QEMU's command line, and the watch over it.

The host's channels are kept apart: the command's output and its status come
by two virtio-serial ports, each a Unix socket that the launcher listens on;
the kernel log comes by the serial line, into a file.  QEMU is killed by the
kernel when the launcher dies, however it dies.
"""

import ctypes
import os
import pathlib
import selectors
import signal
import socket
import subprocess
import sys
import time

import cache

PR_SET_PDEATHSIG = 1
BOOT_LIMIT_S = 300

# Emulation starves virtual CPUs on a busy machine: the watchdogs get more
# time than usual before they call it a lockup.
KERNEL_PARAMETERS = (
    "console=ttyS0 ignore_loglevel printk.always_kmsg_dump=0 "
    "oops=panic panic=-1 softlockup_panic=1 hung_task_panic=1 "
    "watchdog_thresh=30 nmi_watchdog=0 sysctl.kernel.panic_on_rcu_stall=1 "
    "rcupdate.rcu_cpu_stall_timeout=60 "
    "mitigations=off no_timer_check tsc=reliable audit=0 selinux=0 "
    "apparmor=0 random.trust_cpu=on net.ifnames=0 rdinit=/init")
DEBUG_PARAMETERS = "panic_on_warn=1 kmemleak=on"


def nesting_module():
    """Return which KVM module of this machine can nest, or None."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return None
    for module in ("kvm_amd", "kvm_intel"):
        if read_text(f"/sys/module/{module}/parameters/nested") in ("1", "Y"):
            return module
    return None


def kvm_module():
    """Return the KVM module that the virtual host needs."""
    return nesting_module() or "kvm_amd"


def read_text(path):
    """Return the stripped text of a file, or an empty string."""
    try:
        return pathlib.Path(path).read_text().strip()
    except OSError:
        return ""


def accelerator(run):
    """Return QEMU's options for the processor."""
    if nesting_module():
        return ["-accel", "kvm", "-cpu", "host"]
    threads = "multi" if run.cpus > 1 else "single"
    return ["-accel", f"tcg,thread={threads}", "-cpu", "max,+svm,+npt"]


def share(tag, path, readonly):
    """Return QEMU's options for a directory exported by 9p."""
    mode = ",readonly=on" if readonly else ""
    return ["-fsdev", f"local,id={tag},path={escape(path)},"
                      f"security_model=none,multidevs=remap{mode}",
            "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]


def escape(path):
    """Protect a path's commas from QEMU's option parser."""
    return str(path).replace(",", ",,")


def port(name, path):
    """Return QEMU's options for a virtio-serial port to a socket."""
    ident = name.replace(".", "-")
    return ["-chardev", f"socket,id={ident},path={escape(path)},server=off",
            "-device", f"virtserialport,chardev={ident},name={name}"]


def kernel_parameters(run):
    """Return the kernel command line."""
    words = [KERNEL_PARAMETERS]
    if run.kernel.name == "debug":
        words.append(DEBUG_PARAMETERS)
    return " ".join(words + run.append)


def command_line(run, work):
    """Return the command that starts QEMU for @run."""
    line = ["qemu-system-x86_64", "-name", "esxmem-lab", "-nodefaults",
            "-no-user-config", "-display", "none", "-no-reboot",
            "-machine", "q35", *accelerator(run),
            "-smp", str(run.cpus), "-m", str(run.mem),
            "-kernel", str(run.kernel.image), "-initrd", str(work / "initrd"),
            "-append", kernel_parameters(run),
            "-chardev", f"file,id=log,path={escape(work / 'log')}",
            "-serial", "chardev:log",
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            *port("lab.out", work / "out.socket"),
            *port("lab.ctl", work / "ctl.socket"),
            *share("labroot", "/", True)]
    if run.share_repo:
        line += share("labrepo", run.repo, True)
    if run.out:
        line += share("labout", run.out, False)
    if run.disk:
        line += ["-drive", f"file={escape(run.disk)},if=virtio,format=raw"]
    for device in run.device:
        line += device
    return line


def die_with_parent():
    """Have the kernel kill this process when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    """A QEMU process and its channels; a context manager that ends it."""

    def __init__(self, run, work):
        self._work = work
        self._listeners = {name: listen(work / f"{name}.socket")
                           for name in ("out", "ctl")}
        self._errors = open(work / "qemu.err", "wb")
        self.process = subprocess.Popen(
            command_line(run, work), stdin=subprocess.DEVNULL,
            stdout=self._errors, stderr=self._errors,
            preexec_fn=die_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._errors.close()
        for listener in self._listeners.values():
            listener.close()

    def connect(self):
        """Return QEMU's ends of the ports, by name."""
        return {name: self._accept(listener)
                for name, listener in self._listeners.items()}

    def _accept(self, listener):
        listener.settimeout(0.2)
        while True:
            try:
                connection, _ = listener.accept()
                return connection
            except socket.timeout:
                if self.process.poll() is not None:
                    raise cache.LabError("QEMU did not start: "
                                         + self.errors()) from None

    def errors(self):
        """Return what QEMU itself said."""
        return read_text(self._work / "qemu.err")


def listen(path):
    """Return a socket that listens at @path."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    return listener


class Output:
    """Passes the command's output on, byte for byte, up to the end mark."""

    def __init__(self, mark, sink):
        self._mark = mark
        self._sink = sink
        self._held = b""
        self.ended = False

    def feed(self, data):
        """Take the next bytes from the port."""
        data = self._held + data
        at = data.find(self._mark)
        if at >= 0:
            self.ended = True
            self._emit(data[:at])
            return
        keep = self._begun(data)
        self._held = data[len(data) - keep:]
        self._emit(data[:len(data) - keep])

    def flush(self):
        """Pass on what was held back in case it was the mark's beginning."""
        if not self.ended:
            self._emit(self._held)
            self._held = b""

    def _begun(self, data):
        """Return how many last bytes of @data may begin the mark."""
        for length in range(min(len(self._mark) - 1, len(data)), 0, -1):
            if self._mark.startswith(data[-length:]):
                return length
        return 0

    def _emit(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self._sink, view):]


class Watch:
    """Follows a machine from boot to its last report."""

    def __init__(self, machine, run, work):
        self._machine = machine
        self._run = run
        self._log = work / "log"
        self._log_shown = 0
        self._reports = b""
        self._output = Output(run.end_mark, sys.stdout.fileno())
        self._started = time.monotonic()
        self.ready_after = None
        self.status = None
        self.finished = False
        self.timed_out = False
        self.failure = None

    def follow(self):
        """Return when the machine has finished, failed or run out of time."""
        handlers = {"out": self._output.feed, "ctl": self._take_reports}
        with selectors.DefaultSelector() as selector:
            for name, connection in self._machine.connect().items():
                selector.register(connection, selectors.EVENT_READ,
                                  handlers[name])
            while self._goes_on(selector):
                for key, _ in selector.select(timeout=0.2):
                    self._receive(selector, key)
                self._show_log()
                self._check_time()
        self._show_log()
        self._output.flush()

    def _goes_on(self, selector):
        if self.failure or self.timed_out:
            return False
        if self.finished and self._output.ended:
            return False
        return bool(selector.get_map())

    def _receive(self, selector, key):
        data = key.fileobj.recv(1 << 18)
        if data:
            key.data(data)
        else:
            selector.unregister(key.fileobj)
            key.fileobj.close()

    def _take_reports(self, data):
        *lines, self._reports = (self._reports + data).split(b"\n")
        for line in lines:
            self._take_report(*line.decode().partition(" ")[::2])

    def _take_report(self, word, rest):
        if word == "ready":
            self.ready_after = time.monotonic() - self._started
        elif word == "exit":
            self.status = int(rest)
        elif word == "done":
            self.finished = True
        elif word == "note":
            print(f"lab: {rest}", file=sys.stderr)
        elif word == "fail":
            self.failure = rest

    def _check_time(self):
        spent = time.monotonic() - self._started
        if self.ready_after is None:
            if spent > BOOT_LIMIT_S:
                self.failure = f"no boot within {BOOT_LIMIT_S} s"
        elif spent - self.ready_after > self._run.timeout:
            self.timed_out = True

    def _show_log(self):
        if not self._run.verbose or not self._log.exists():
            return
        with open(self._log, "rb") as log:
            log.seek(self._log_shown)
            data = log.read()
        self._log_shown += len(data)
        sys.stderr.write(data.decode("utf-8", "replace").replace("\r", ""))
        sys.stderr.flush()
