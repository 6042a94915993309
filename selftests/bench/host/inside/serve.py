#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs in the virtual host: measures what the port "bench" asks for.

  serve.py                        take requests from the port
  serve.py CELL [KEY=VALUE...]    measure a cell now and print the result

A request is a line {"cell": NAME, "directory": OF_ITS_MODULE, "quick": ..,
"repetitions": .., "seed": ..}, where all but the cell may be left out;
the answers are lines {"say": TEXT} and at last {"result": ..} or {"error": ..}.
"cell": null ends it.  A warning in the kernel's log spoils the cell.
"""

import glob
import importlib
import json
import os
import pathlib
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
SELFTESTS = HERE.parents[2]

sys.dont_write_bytecode = True
sys.path += [str(SELFTESTS), str(SELFTESTS / "guests")]

import klogs                                            # noqa: E402
import request                                          # noqa: E402


def find_port(name):
    """Return the device of the virtio port called @name."""
    for path in glob.glob("/sys/class/virtio-ports/*/name"):
        if pathlib.Path(path).read_text().strip() == name:
            return f"/dev/{path.split('/')[-2]}"
    raise FileNotFoundError(f"no virtio port called {name}")


def measure(asked, say):
    """Return the reply to a request."""
    log = klogs.Log()
    directory = asked.pop("directory", str(HERE))
    if directory not in sys.path:
        sys.path.append(directory)
    try:
        cell = importlib.import_module(asked.pop("cell"))
        result = cell.measure(request.Request(say=say, **asked))
        log.check()
        return {"result": result}
    except Exception:       # whatever it is, the other side should see it
        return {"error": traceback.format_exc(limit=-3)}


def serve(port):
    """Answer requests until there are to be no more."""
    def send(message):
        port.write(json.dumps(message).encode() + b"\n")

    for line in port:
        asked = json.loads(line)
        if asked["cell"] is None:
            return
        send(measure(asked, lambda text: send({"say": text})))


def by_hand(name, *words):
    """Measure one cell and print what it found."""
    asked = {key: json.loads(value) for key, _, value in
             (word.partition("=") for word in words)}
    start = time.monotonic()
    reply = measure({"cell": name, **asked}, lambda text: print(
        f"# {time.monotonic() - start:4.0f} s: {text}", flush=True))
    print(reply.get("error") or json.dumps(reply["result"], indent=1))
    return 0 if "result" in reply else 1


def main(arguments):
    """Entry point."""
    if arguments:
        return by_hand(*arguments)
    with open(os.open(find_port("bench"), os.O_RDWR), "r+b", buffering=0) as port:
        serve(port)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
