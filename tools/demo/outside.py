# SPDX-License-Identifier: GPL-2.0
"""The demo's frame: prepares, has `inside` run on a host, shows the result.

The guests' checksums are computed here, from the guests' names alone and far
from their memory, before they start.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent.parent
sys.dont_write_bytecode = True
sys.path.append(str(REPO / "selftests" / "guests"))

import content                                          # noqa: E402
import image                                            # noqa: E402
from lab import cache                                   # noqa: E402
import packages                                         # noqa: E402
import picture                                          # noqa: E402
import realhost                                         # noqa: E402
import table                                            # noqa: E402

ESXMEMCTL = REPO / "tools" / "esxmemctl" / "esxmemctl"
LAB = REPO / "selftests" / "lab" / "lab"
# Where the virtual host sees the output directory.
LAB_OUT = "/run/lab/out"
HOST_EXTRA_MIB = 2048
NR_WRITES = 1
LIMIT_S = 3600


def parse_arguments(arguments):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="demo", description=(
        "Starts like guests on a KVM host with esxmem and shares their "
        "memory.  The host is a virtual one, or with HOST=1 in the "
        "environment this machine."))
    parser.add_argument("--guests", type=int, default=4, metavar="N",
                        help="guests to start (4)")
    parser.add_argument("--guest-mib", type=int, default=256, metavar="MIB",
                        help="memory of each (256)")
    parser.add_argument("--warm-mib", type=int, default=96, metavar="MIB",
                        help="files of /usr that each has read (96)")
    parser.add_argument("--size-mib", type=int, default=16, metavar="MIB",
                        help="memory that each one's interpreter holds (16)")
    parser.add_argument("--load-per-second", type=float, default=1,
                        metavar="N", help="web and database requests per "
                        "guest and second (1)")
    parser.add_argument("--kernel", default="6.12",
                        help="kernel of the virtual host, as the lab names "
                        "them (6.12)")
    parser.add_argument("--out", type=pathlib.Path, default=REPO / "out",
                        metavar="DIR", help="where the results go (out/)")
    return parser.parse_args(arguments)


def make_plan(options):
    """Return what `inside` needs to know."""
    names = [f"web{nr}" for nr in range(1, options.guests + 1)]
    parts = image.get()
    usr = {"usr": parts.usr_digest(options.warm_mib)}
    return {
        "names": names,
        "guest_mib": options.guest_mib,
        "warm_mib": options.warm_mib,
        "size_mib": options.size_mib,
        "load_per_second": options.load_per_second,
        "expected": {name: [dict(digests, **usr) for digests in
                            content.expected(name, options.size_mib,
                                             NR_WRITES)]
                     for name in names},
    }, parts


def run_in_lab(options, work):
    """Run `inside` on a virtual host; return its exit status."""
    # Nested guests are reliable under emulation only with one CPU.
    host_mib = options.guests * options.guest_mib + HOST_EXTRA_MIB
    return subprocess.run(
        [LAB, "run", "--kernel", options.kernel, "--cpus", "1",
         "--mem", str(host_mib), "--timeout", str(LIMIT_S), "--out", work,
         "--", "/usr/bin/python3", HERE / "inside",
         "--plan", f"{LAB_OUT}/plan.json", "--image", f"{LAB_OUT}/image.json",
         "--out", LAB_OUT, "--esxmemctl", ESXMEMCTL], stdin=subprocess.DEVNULL, check=False).returncode


def run_on_this_host(work):
    """Run `inside` with the modules in this machine's kernel."""
    with realhost.RealHost(REPO):
        return subprocess.run(
            ["/usr/bin/python3", HERE / "inside",
             "--plan", work / "plan.json", "--image", work / "image.json",
             "--out", work, "--esxmemctl", ESXMEMCTL], stdin=subprocess.DEVNULL, check=False).returncode


def fresh_directory(path):
    """Return the directory @path, made anew."""
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)
    return path


def publish(result, out, seconds):
    """Write the result to @out; print it; return the exit status."""
    result["total_seconds"] = round(seconds, 1)
    (out / "demo.json").write_text(json.dumps(result, indent=1) + "\n")
    title = (f"{result['guests']} guests of {result['guest_mib']} MiB on "
             f"{result['kernel']}")
    picture.draw(result["samples"], title, out / "demo")
    print(table.render(result))
    print(f"\n{out}/demo.json, demo.svg, demo.png; {seconds:.0f} s in all")
    for problem in result["problems"]:
        print(f"demo: {problem}", file=sys.stderr)
    return 1 if result["problems"] else 0


def run(options):
    """Prepare, run, publish; return the exit status."""
    started = time.monotonic()
    picture.require_gnuplot()
    out = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    for suffix in ("json", "svg", "png"):
        (out / f"demo.{suffix}").unlink(missing_ok=True)
    work = fresh_directory(out / "demo")
    print("demo: building esxmemctl", flush=True)
    subprocess.run(["make", "-s", "-C", REPO, "tools"], check=True)
    print("demo: preparing the guests' disk and their checksums", flush=True)
    plan, parts = make_plan(options)
    (work / "plan.json").write_text(json.dumps(plan))
    parts.save(work / "image.json")
    on_this_host = os.environ.get("HOST", "") not in ("", "0")
    print("demo: starting the host" if not on_this_host else
          "demo: this machine is the host", flush=True)
    status = (run_on_this_host(work) if on_this_host
              else run_in_lab(options, work))
    if status:
        print(f"demo: failed on the host, status {status}", file=sys.stderr)
        return 1
    result = json.loads((work / "result.json").read_text())
    return publish(result, out, time.monotonic() - started)


def main(arguments):
    """Entry point."""
    try:
        return run(parse_arguments(arguments))
    except (cache.LabError, packages.PackageError, realhost.HostError,
            picture.PictureError, subprocess.CalledProcessError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
