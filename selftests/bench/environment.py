# SPDX-License-Identifier: GPL-2.0
"""What a run was made on: without it a figure means nothing."""

import datetime
import os
import pathlib
import platform
import re
import subprocess

REPO = pathlib.Path(__file__).resolve().parent.parent.parent


def read(path):
    """The text of a file, or nothing."""
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return ""


def first_match(pattern, text):
    """The first group of the first match, stripped, or nothing."""
    found = re.search(pattern, text, re.M)
    return found.group(1).strip() if found else ""


def git(*arguments):
    """What git says of the repository."""
    try:
        return subprocess.run(["git", "-C", str(REPO), *arguments], text=True, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def describe():
    """The machine, the kernel, the date and the commit."""
    cpuinfo = read("/proc/cpuinfo")
    commit = git("rev-parse", "HEAD")
    return {
        "machine": first_match(r"^hypervisor_vendor\s*: (.*)$", cpuinfo) or platform.machine(),
        "cpu": first_match(r"^model name\s*: (.*)$", cpuinfo),
        "cpus": os.cpu_count(),
        "cache": first_match(r"^cache size\s*: (.*)$", cpuinfo),
        "memory_mib": int(first_match(r"^MemTotal: +(\d+)", read("/proc/meminfo")) or 0) >> 10,
        "kernel": platform.release(),
        "system": first_match(r'^PRETTY_NAME="(.*)"$', read("/etc/os-release")),
        "hardware_virtualisation": bool(re.search(r"\b(vmx|svm)\b", cpuinfo)),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit + ("+" if git("status", "--porcelain") else "") if commit else "",
    }


def load():
    """The load average over the last minute."""
    return os.getloadavg()[0]
