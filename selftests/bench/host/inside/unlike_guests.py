# SPDX-License-Identifier: GPL-2.0
"""Two guests most of whose memory is their own: the case of low sharing."""

import pairs_of_guests

OWN_MIB = 72
MAKE = f"head -c {OWN_MIB}M /dev/urandom >/tmp/own && sha256sum /tmp/own"
# Each second page of the first MiB becomes alike in both guests, and only there.
WRITE = """python3 -c '
with open("/tmp/own", "r+b") as own:
    for page in range(0, 256, 2):
        own.seek(page * 4096)
        own.write(b"%08d %08d " % ({number}, page) * 227 + bytes(10))
' && sha256sum /tmp/own"""


def measure(request):
    """Return the cell's figures."""
    return pairs_of_guests.measure(request, Apart, 1, [
        f"two guests that have {OWN_MIB} MiB of random bytes each in a file in memory"],
                                   ("esxmem", "ksm_plain"))


class Apart:
    """What the guests must hold after all."""

    def __init__(self, pair):
        self._sums = {guest: ask(guest, MAKE) for guest in pair}

    def write(self, number):
        """Have all guests make that write."""
        for guest in self._sums:
            self._sums[guest] = ask(guest, WRITE.format(number=number))

    def check(self, when):
        """Fail unless they do."""
        for guest, wanted in self._sums.items():
            if ask(guest, "sha256sum /tmp/own") != wanted:
                raise RuntimeError(f"{guest.name}: the file differs {when}")


def ask(guest, command):
    """Run a command in the guest; return what it says."""
    done = guest.call("run", command=command)
    if done["status"]:
        raise RuntimeError(f"{guest.name}: {command}: {done['output']}")
    return done["output"]
