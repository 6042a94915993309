# SPDX-License-Identifier: GPL-2.0
"""A User-Mode kernel with the worker in it, which does what it is asked.

CPU time is that of the kernel's process on this machine.  The User-Mode kernel
has one CPU and runs all kernel code in that process, user space in others; so
while the scanner works and the worker sleeps, what the process uses is the
scanner's, to the nanosecond and no matter what else runs on this machine.
"""

import contextlib
import dataclasses
import os
import pathlib
import select
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent.parent.parent
LAB = str(HERE.parent.parent / "lab")
if LAB not in sys.path:
    sys.path.append(LAB)

import cache                                            # noqa: E402
import klog                                             # noqa: E402
import large_memory                                     # noqa: E402
import modules                                          # noqa: E402
import uml                                              # noqa: E402

from bench.cells import CellError                       # noqa: E402

ANSWER_LIMIT_S = 300
BOOT_LIMIT_S = 60


@dataclasses.dataclass(frozen=True)
class Image:
    """What a Worker is booted from."""

    kernel: object
    # With the initial file system.
    work: pathlib.Path
    # For the files that are the memory of kernels.
    memory: pathlib.Path

    def pages(self):
        """By what pages the machine maps that memory."""
        return "4 KB" if self.memory == large_memory.ORDINARY else "2 MB"


@contextlib.contextmanager
def built():
    """Build kernel, modules and worker; yield an Image."""
    try:
        kernel = uml.find()
        with cache.workspace() as work, large_memory.directory() as memory:
            write_initrd(kernel, work)
            yield Image(kernel, work, memory)
    except (cache.LabError, subprocess.CalledProcessError) as error:
        raise CellError(str(error)) from error


def write_initrd(kernel, work):
    """Write the initial file system."""
    (work / "modules").mkdir()
    modules.build(kernel, REPO, work / "modules")
    subprocess.run(["make", "-s", "-C", str(HERE), f"OUT={work / 'built'}"], check=True,
                   stdin=subprocess.DEVNULL)
    archive = uml.archive(HERE / "init")
    archive.file("worker", (work / "built/worker").read_bytes(), 0o755)
    archive.file("modules/esxmem.ko", (work / "modules/esxmem.ko").read_bytes())
    archive.write(work / "initrd")


class Worker:
    """One boot; a context manager."""

    def __init__(self, image, mem, verbose=False):
        self._log = image.work / "log"
        self._verbose = verbose
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        with open(self._log, "wb") as log:
            self.process = uml.start(image.kernel, image.work, mem, [], log,
                                     (commands, answers), image.memory)
        os.close(commands)
        os.close(answers)
        self._held = b""
        self._idle = 0.0

    def __enter__(self):
        try:
            self._answer(BOOT_LIMIT_S)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *_):
        uml.end(self.process)
        self.process.wait()
        os.close(self._commands)
        os.close(self._answers)
        lines = klog.split(self._log.read_bytes())
        if self._verbose:
            print("\n".join(f"  | {line}" for line in lines), file=sys.stderr)
        trouble = klog.find_trouble(lines)
        if trouble is not None and kind is None:
            raise CellError("the kernel was in trouble: "
                            + " / ".join(klog.excerpt(lines, trouble)[:12]))

    def cpu_ns(self):
        """CPU time that the kernel has used."""
        text = pathlib.Path(f"/proc/{self.process.pid}/schedstat").read_text()
        return int(text.split()[0])

    def ask(self, *commands, limit=ANSWER_LIMIT_S):
        """Have the worker do @commands in a row; return the last one's answer.

        An answer is the words after "ok".
        """
        return self.ask_each(*commands, limit=limit)[-1]

    def ask_each(self, *commands, limit=ANSWER_LIMIT_S):
        """The same, but return all the answers."""
        os.write(self._commands, (";".join(commands) + "\n").encode())
        answers = self._answer(limit).split(";")
        for command, answer in zip(commands, answers):
            if not answer.startswith("ok") or " fail" in answer:
                raise CellError(f"{command}: {answer}")
        return [answer[3:] for answer in answers]

    def learn_idle(self, seconds):
        """Take off what the kernel uses while nothing works, from now on.

        That is the clock's ticks.  It matters where a measurement waits for long.
        """
        before, begin = self.cpu_ns(), time.monotonic()
        time.sleep(seconds)
        self._idle = (self.cpu_ns() - before) / (time.monotonic() - begin)

    def measure(self, *commands, limit=ANSWER_LIMIT_S):
        """As ask_each(); return the CPU time it took as well."""
        before, begin = self.cpu_ns(), time.monotonic()
        answers = self.ask_each(*commands, limit=limit)
        idle = self._idle * (time.monotonic() - begin)
        return max(self.cpu_ns() - before - round(idle), 0), answers

    def figures(self, paths):
        """Read a number from each file; None where there is no such file."""
        words = self.ask("get " + " ".join(paths)).split(" ")
        return [None if word == "-" else int(word) for word in words]

    def text(self, path):
        """Read a text file."""
        return self.ask(f"cat {path}").replace("\v", "\n")

    def _answer(self, limit):
        deadline = time.monotonic() + limit
        while b"\n" not in self._held:
            ready, _, _ = select.select([self._answers], [], [], 1)
            if ready:
                data = os.read(self._answers, 1 << 16)
                if not data:
                    raise CellError("the kernel has ended: " + self._last_words())
                self._held += data
            elif self.process.poll() is not None:
                raise CellError("the kernel has ended: " + self._last_words())
            elif time.monotonic() > deadline:
                raise CellError(f"no answer within {limit} s: " + self._last_words())
        line, _, self._held = self._held.partition(b"\n")
        return line.decode().strip("\r")

    def _last_words(self):
        return " / ".join(klog.split(self._log.read_bytes())[-8:])
