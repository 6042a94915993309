# SPDX-License-Identifier: GPL-2.0
"""What all lints need: the list of files, and how complaints are told.

A lint is a function that takes a Tree and yields complaints.  Run as a script
it prints them, one a line, and exits with 1 when there are any.
"""

import argparse
import os
import subprocess
import sys

C_SUFFIXES = (".c", ".h")


class Tree:
    """The files of the project below a directory, by relative name."""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.names = sorted(self._list())
        self._lines = {}

    def _list(self):
        if os.path.exists(os.path.join(self.root, ".git")):
            return self._list_git()
        return self._list_walk()

    def _list_git(self):
        """Tracked files and those that are about to be."""
        out = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root, check=True, capture_output=True, text=True).stdout
        names = [name for name in out.split("\0") if name]
        # Tracked, but removed from the working tree.
        return [name for name in names if os.path.isfile(os.path.join(self.root, name))]

    def _list_walk(self):
        """Without git, as in an unpacked archive."""
        for top, dirs, files in os.walk(self.root):
            dirs[:] = [name for name in dirs if name not in ("out", "__pycache__")]
            for name in files:
                yield os.path.relpath(os.path.join(top, name), self.root)

    def path(self, name):
        return os.path.join(self.root, name)

    def lines(self, name):
        """Lines of a text file without their ends; none for a binary file."""
        if name not in self._lines:
            with open(self.path(name), "rb") as file:
                data = file.read()
            text = "" if b"\0" in data else data.decode("utf-8", "replace")
            self._lines[name] = text.split("\n")
        return self._lines[name]

    def text(self, name):
        return "\n".join(self.lines(name))

    def below(self, folder, suffixes=("",)):
        """Names below a folder that end with one of the suffixes."""
        prefix = folder.rstrip("/") + "/" if folder else ""
        return [name for name in self.names
                if name.startswith(prefix) and name.endswith(tuple(suffixes))]


def line_of(text, position):
    """Number of the line that holds a position of a text."""
    return text.count("\n", 0, position) + 1


def default_root():
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def run(lint, description):
    """Make a script of a lint."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("root", nargs="?", default=default_root(),
                        help="the project's directory (default: that of this script)")
    complaints = list(lint(Tree(parser.parse_args().root)))
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)
