# SPDX-License-Identifier: GPL-2.0
"""The jobs that `make check` runs, in the order in which they begin.

The quick ones come first.  Tests with guests run on virtual hosts of one CPU:
nested guests are not sound under emulation with more
(Documentation/esxmem/testing.rst).
"""

from dataclasses import dataclass

LAB = "selftests/lab/lab"
AS_TEST = "selftests/check/as_test"


@dataclass
class Job:
    """A program that prints TAP."""

    name: str
    command: list
    # Skips that are no failure: the test program says why it cannot run here.
    skips: tuple = ()

    def may_skip(self, text):
        """Is it in order that the test of this result line was skipped?"""
        return any(reason in text for reason in self.skips)


def lab(name, kernel, cpus, command, mem=2048, timeout=2400, skips=()):
    """A job in a virtual host."""
    return Job(f"{name}-{kernel}-{cpus}cpu",
               [LAB, "run", "--kernel", kernel, "--cpus", str(cpus), "--mem", str(mem),
                "--timeout", str(timeout), "--", *command], skips)


def build(kernel):
    """Build the modules with every warning an error."""
    return Job(f"build-{kernel}",
               [AS_TEST, f"the modules build for {kernel} without a warning",
                "selftests/check/build", kernel])


def static_jobs():
    """What needs no virtual host."""
    return [
        Job("lint", ["tools/lint/run"]),
        Job("lint-itself", ["tools/lint/test"]),
        build("6.12"),
        build("6.1"),
        Job("model", ["selftests/model/out/ledger"]),
        Job("kunit", ["selftests/kunit/run"]),
        Job("bench", ["selftests/bench/test_bench.py"]),
        Job("bench-host", ["selftests/bench/host/test_host.py"]),
        Job("guests-bed", ["selftests/guests/test_bed.py"]),
        Job("experiments", ["selftests/experiments/test_experiments.py"]),
        Job("esxmemctl", ["selftests/esxmemctl/test_esxmemctl.sh"]),
        Job("shellcheck", [AS_TEST, "shell scripts pass shellcheck",
                           "selftests/check/shell"]),
    ]


def process_jobs():
    """Tests by processes and kernel threads, on hosts of several CPUs."""
    suite = "selftests/esxmem/run"
    cpus = ("cpus: ",)
    concurrency = ["races", "flips", "pins", "kills"]
    return [
        lab("kselftest", "debug", 2, [suite, "--scale", "debug"], timeout=3600,
            skips=cpus + ("config: ",)),
        lab("kselftest", "6.12", 2, [suite], skips=cpus),
        lab("kselftest", "6.1", 2, [suite], skips=cpus + ("6.1: ",)),
        lab("kselftest", "6.12", 4, [suite, *concurrency], skips=cpus),
    ]


def guest_jobs():
    """Tests with virtual machines, on hosts of one CPU."""
    return [
        lab("kvm", "debug", 1, ["selftests/kvm/run"], skips=("built in: ",)),
        lab("kvm", "6.12", 1, ["selftests/kvm/run"]),
        lab("kvm", "6.1", 1, ["selftests/kvm/run"]),
        # These start a guest of no more than firmware.
        lab("esxmemctl-live", "6.12", 1, ["selftests/esxmemctl/test_live.sh"]),
        lab("bpftrace", "6.12", 1, ["selftests/bpftrace/test_bpftrace.sh"]),
        lab("bpftrace", "6.1", 1, ["selftests/bpftrace/test_bpftrace.sh"]),
        Job("guests-6.12", ["selftests/guests/run", "--kernel", "6.12"]),
        Job("guests-6.1", ["selftests/guests/run", "--kernel", "6.1"]),
        Job("lab", ["selftests/lab/test_lab.sh"]),
    ]


def all_jobs():
    """Return every job, in order."""
    return static_jobs() + process_jobs() + guest_jobs()
