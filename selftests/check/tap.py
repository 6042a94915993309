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
# So many of the lines before a failure are kept with it, since they say why: of a
# kernel's last words the first and the last.
FIRST = 6
LAST = 8


def shortened(lines):
    """Return the lines without the middle of many."""
    if len(lines) <= FIRST + LAST:
        return list(lines)
    return [*lines[:FIRST], "[...]", *lines[-LAST:]]


@dataclass
class Failure:
    """A test that failed, and the diagnostic lines in front of its result."""

    name: str
    diagnostics: list = field(default_factory=list)

    def __str__(self):
        return "\n".join([self.name, *("    " + line for line in self.diagnostics)])


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

    def fail(self, name, diagnostics=()):
        """Count a failure."""
        self.failed += 1
        self.failures.append(Failure(name, shortened(diagnostics)))

    def add(self, verdict, text, diagnostics):
        """Count one result line."""
        name = text.strip(" -")
        if verdict == "not ok" and "# TODO" not in text.upper():
            self.fail(name, diagnostics)
        elif "# SKIP" in text.upper():
            self.skipped += 1
            self.skips.append(name)
        else:
            self.passed += 1


def count(lines):
    """Tally the results in an iterable of lines."""
    tally = Tally()
    deeper = 0
    diagnostics = []
    for line in lines:
        match = RESULT.match(line)
        if not match:
            if line.lstrip().startswith("#"):
                diagnostics.append(line.strip())
            continue
        indent = len(match.group(1))
        # If less indented it sums up the subtests above it.
        if indent >= deeper:
            tally.add(match.group(2), match.group(4), diagnostics)
        deeper = indent
        diagnostics.clear()
    return tally
