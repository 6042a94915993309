# SPDX-License-Identifier: GPL-2.0
"""Talks QMP, QEMU's machine protocol, over a Unix socket."""

import json


class QmpError(Exception):
    """QEMU refused a command, or went away."""


class Qmp:
    """A QMP session; @connection is a connected socket."""

    def __init__(self, connection):
        self._connection = connection
        self._lines = connection.makefile("r", encoding="utf-8")
        self.events = []
        self._receive()         # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        """Run @command and return its result; events are kept aside."""
        request = {"execute": command, "arguments": arguments}
        try:
            self._connection.sendall(json.dumps(request).encode() + b"\n")
            reply = self._receive()
            while "event" in reply:
                self.events.append(reply)
                reply = self._receive()
        except OSError as error:
            raise QmpError(f"{command}: {error}") from error
        if "error" in reply:
            raise QmpError(f"{command}: {reply['error']['desc']}")
        return reply["return"]

    def close(self):
        """End the session."""
        self._lines.close()
        self._connection.close()

    def _receive(self):
        line = self._lines.readline()
        if not line:
            raise QmpError("QEMU closed the connection")
        return json.loads(line)
