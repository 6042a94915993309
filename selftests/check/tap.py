# SPDX-License-Identifier: GPL-2.0
"""Count the results in the output of a test program.

TAP and KTAP: a result is a line `ok N ...` or `not ok N ...`.  In KTAP the
results of subtests are indented and followed by a line, less indented, that
sums them up; only the innermost are counted.
"""

import re
from dataclasses import dataclass, field

# A program that runs others puts their names before their results.
RESULT = re.compile(r"^(\s*)(?:[\w.-]+: )?(not ok|ok)\b\s*(\d+)?(.*)$")


@dataclass
class Tally:
    """Results of one job."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)
    skips: list = field(default_factory=list)

    def results(self):
        """How many results there are, of any kind."""
        return self.passed + self.failed + self.skipped

    def add(self, verdict, text):
        """Count one result line."""
        name = text.strip(" -")
        if verdict == "not ok" and "# TODO" not in text.upper():
            self.failed += 1
            self.failures.append(name)
        elif "# SKIP" in text.upper():
            self.skipped += 1
            self.skips.append(name)
        else:
            self.passed += 1


def count(lines):
    """Tally the results in an iterable of lines."""
    tally = Tally()
    deeper = 0
    for line in lines:
        match = RESULT.match(line)
        if not match:
            continue
        indent = len(match.group(1))
        if indent < deeper:
            # Sums up the subtests above it.
            deeper = indent
            continue
        deeper = indent
        tally.add(match.group(2), match.group(4))
    return tally
