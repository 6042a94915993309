# SPDX-License-Identifier: GPL-2.0
"""Makes this machine an esxmem host, and afterwards what it was before."""

import pathlib
import platform
import subprocess
import tempfile

from lab import kernels, modules

MOUNT = pathlib.Path("/run/esxmem")


class HostError(Exception):
    """This machine cannot be the host."""


class RealHost:
    """Inserts the modules and mounts the file system, unless that is done.

    A context manager that undoes what it did, and nothing else.
    """

    def __init__(self, repo):
        self._repo = repo
        self._undo = []

    def __enter__(self):
        try:
            require_kvm()
            if not is_loaded("esxmem"):
                self._insert()
            if not MOUNT.is_mount():
                self._mount()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        while self._undo:
            run(*self._undo.pop())

    def _insert(self):
        release = platform.release()
        directory = pathlib.Path("/lib/modules") / release
        if not (directory / "build").exists():
            raise HostError(f"no headers for this kernel; install "
                            f"linux-headers-{release}")
        kernel = kernels.Kernel("host", release, pathlib.Path("/dev/null"),
                                directory / "build", directory)
        with tempfile.TemporaryDirectory() as built:
            modules.build(kernel, self._repo, built)
            for module in modules.in_load_order(pathlib.Path(built)):
                for needed in modules.needs_of(module):
                    run("modprobe", needed)
                run("insmod", module)
                self._undo.append(("rmmod", module.stem))

    def _mount(self):
        if not MOUNT.exists():
            MOUNT.mkdir()
            self._undo.append(("rmdir", MOUNT))
        run("mount", "-t", "esxmem", "esxmem", MOUNT)
        self._undo.append(("umount", MOUNT))


def require_kvm():
    """Fail unless guests can run here with KVM."""
    loaded = [name for name in ("kvm_amd", "kvm_intel") if is_loaded(name)]
    if not loaded:
        raise HostError("neither kvm_amd nor kvm_intel is loaded; without "
                        "HOST=1 the demo uses a virtual host")


def is_loaded(module):
    """Say whether a kernel module is loaded or built in."""
    return pathlib.Path("/sys/module", module).is_dir()


def run(*command):
    """Run a command; its failure is a HostError."""
    done = subprocess.run([str(word) for word in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                          check=False)
    if done.returncode:
        raise HostError(f"{' '.join(map(str, command))}: "
                        f"{done.stdout.strip()}")
