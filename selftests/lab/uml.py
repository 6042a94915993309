# SPDX-License-Identifier: GPL-2.0
"""The User-Mode kernel: how it is made and how it is started.

It runs as processes of this machine, at native speed.
"""

import os
import pathlib
import signal
import subprocess

import initramfs
import kernels
import large_memory
import machine

HERE = pathlib.Path(__file__).resolve().parent
RECIPE = kernels.Recipe("uml", "um", HERE.parent / "kunit/uml.config",
                        ("linux", "modules"), "linux",
                        # As on x86_64.  Else memcmp() goes byte by byte, and
                        # KSM, which compares most, would look slower than it is.
                        "-DCONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS=1")


def find():
    """Return the User-Mode kernel, building it if it has to be."""
    return kernels.find_built(RECIPE)


def archive(init):
    """Begin an initial file system: busybox and the script @init."""
    begun = initramfs.Archive()
    begun.file("bin/busybox", initramfs.BUSYBOX.read_bytes(), 0o755)
    begun.file("init", init.read_bytes(), 0o755)
    begun.directory("dev")
    return begun


def start(kernel, work, mem, parameters, stdout, serial=None, memory=large_memory.ORDINARY):
    """Start @kernel with the initial file system @work/initrd.

    Its console goes to the file or pipe @stdout.  @serial is a pair of file
    descriptors that it reads and writes as /dev/ttyS0.  @memory is the directory
    of the file that is its memory.  Returns the process, which leads a group: see
    end().
    """
    lines = ["ssl=null"]
    if serial:
        lines.append(f"ssl0=fd:{serial[0]},fd:{serial[1]}")
    command = [str(kernel.image), f"mem={mem}M", f"initrd={work / 'initrd'}",
               "rdinit=/init", "con=null", "con0=null,fd:1", *lines,
               "console=tty0", "quiet", "ignore_loglevel", "oops=panic",
               "panic=-1", *parameters]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=stdout,
        stderr=subprocess.STDOUT, cwd=work, start_new_session=True,
        pass_fds=serial or (),
        env={**os.environ, "TMPDIR": str(memory), "HOME": str(work)},
        preexec_fn=machine.die_with_parent)


def end(process):
    """Kill the kernel, which is a group of processes."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
