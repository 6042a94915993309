# SPDX-License-Identifier: GPL-2.0
"""A program on a pseudo-terminal, and the screen that it draws.

Knows what the terminal types of ncurses-base send that are tested here, and
fails on anything else: a sequence that is passed over would be a hole in the
screen.
"""

import codecs
import fcntl
import os
import re
import select
import signal
import struct
import termios
import time

# Only keeps a broken test from hanging.
LIMIT = 120

CSI = re.compile(r"\x1b\[([?>=!]?)([0-9;]*)([ -/]*)([@-~])")
OTHER = re.compile(r"\x1b(?:[()][0-9A-Za-z]|[78=>HDEMc]|\][^\x07\x1b]*(?:\x07|\x1b\\))")


class Screen:
    """Cells, a cursor, and what has to do with leaving the terminal in order."""

    def __init__(self, rows, columns):
        self.alternate = False
        self.cursor_hidden = False
        self.resize(rows, columns)

    def resize(self, rows, columns):
        """A window of another size, empty until it is drawn again."""
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.top, self.bottom = 0, rows - 1
        self.last = " "

    def lines(self):
        """The text of the lines."""
        return ["".join(line).rstrip() for line in self.cells]

    def put(self, char):
        """Write a character where the cursor is."""
        if self.column >= self.columns:
            self.column = 0
            self.newline()
        self.cells[self.row][self.column] = char
        self.column += 1
        self.last = char

    def scroll(self, count):
        """Scroll the region, up if @count is positive."""
        for _ in range(abs(count)):
            if count > 0:
                del self.cells[self.top]
                self.cells.insert(self.bottom, [" "] * self.columns)
            else:
                del self.cells[self.bottom]
                self.cells.insert(self.top, [" "] * self.columns)

    def newline(self):
        """One line down."""
        if self.row == self.bottom:
            self.scroll(1)
        elif self.row < self.rows - 1:
            self.row += 1

    def control(self, char):
        """A control character; others than these do nothing on a screen."""
        if char == "\n":
            self.newline()
        elif char == "\r":
            self.column = 0
        elif char == "\b":
            self.column = max(0, self.column - 1)
        elif char == "\t":
            self.column = min(self.columns - 1, self.column // 8 * 8 + 8)

    def escape(self, text):
        """A sequence without parameters."""
        if text == "\x1bM":
            if self.row == self.top:
                self.scroll(-1)
            else:
                self.row = max(0, self.row - 1)
        elif text == "\x1bD":
            self.newline()
        elif text == "\x1bc":
            self.resize(self.rows, self.columns)

    def mode(self, private, numbers, on):
        """Set or reset a mode; those that matter here are kept."""
        if private != "?":
            return
        for number in numbers:
            if number in (47, 1047, 1049):
                self.alternate = on
            elif number == 25:
                self.cursor_hidden = not on

    def move(self, row, column):
        """Put the cursor somewhere inside."""
        self.row = max(0, min(self.rows - 1, row))
        self.column = max(0, min(self.columns - 1, column))

    def erase(self, line, begin, end):
        """Blank some cells of a line."""
        for column in range(max(0, begin), min(self.columns, end)):
            self.cells[line][column] = " "

    def erase_screen(self, what):
        """Blank what is below, above, or all."""
        begin, end = {0: (self.row + 1, self.rows), 1: (0, self.row)}.get(what, (0, self.rows))
        for line in range(begin, end):
            self.erase(line, 0, self.columns)
        if what < 2:
            self.erase_line(what)

    def erase_line(self, what):
        """Blank what is right, left, or all."""
        begin, end = {0: (self.column, self.columns), 1: (0, self.column + 1)}.get(
            what, (0, self.columns))
        self.erase(self.row, begin, end)

    def csi(self, private, numbers, final):
        """A sequence with parameters."""
        first = numbers[0] if numbers else 0
        count = first or 1
        line = self.cells[self.row]
        if final in "hl":
            self.mode(private, numbers, final == "h")
        elif private or final in "mnctq":
            pass
        elif final in "Hf":
            self.move(count - 1, (numbers[1] if len(numbers) > 1 and numbers[1] else 1) - 1)
        elif final in "ABCD":
            down, right = {"A": (-1, 0), "B": (1, 0), "C": (0, 1), "D": (0, -1)}[final]
            self.move(self.row + down * count, self.column + right * count)
        elif final == "G":
            self.move(self.row, count - 1)
        elif final == "d":
            self.move(count - 1, self.column)
        elif final == "J":
            self.erase_screen(first)
        elif final == "K":
            self.erase_line(first)
        elif final == "X":
            self.erase(self.row, self.column, self.column + count)
        elif final == "P":
            line[self.column:] = line[self.column + count:] + [" "] * min(
                count, self.columns - self.column)
        elif final == "@":
            line[self.column:] = ([" "] * count + line[self.column:])[
                :self.columns - self.column]
        elif final == "b":
            for _ in range(count):
                self.put(self.last)
        elif final in "LM":
            self.insert_lines(count if final == "L" else -count)
        elif final in "ST":
            self.scroll(count if final == "S" else -count)
        elif final == "r":
            self.top = count - 1
            self.bottom = (numbers[1] if len(numbers) > 1 and numbers[1] else self.rows) - 1
            self.move(0, 0)
        else:
            raise AssertionError(f"unknown sequence: CSI {numbers} {final}")

    def insert_lines(self, count):
        """Insert lines at the cursor, or delete them if @count is negative."""
        top, self.top = self.top, self.row
        self.scroll(-count)
        self.top = top

    def feed(self, text):
        """Interpret output; return what is the beginning of a sequence."""
        at = 0
        while at < len(text):
            char = text[at]
            if char != "\x1b":
                if char >= " ":
                    self.put(char)
                else:
                    self.control(char)
                at += 1
                continue
            match = CSI.match(text, at)
            if match:
                numbers = [int(n) if n else 0 for n in match.group(2).split(";") if match.group(2)]
                self.csi(match.group(1), numbers, match.group(4))
            else:
                match = OTHER.match(text, at)
                if not match:
                    assert len(text) - at < 32, f"unknown sequence: {text[at:at + 32]!r}"
                    return text[at:]
                self.escape(match.group(0))
            at = match.end()
        return ""


class Program:
    """A program with a terminal of its own."""

    def __init__(self, argv, term="xterm-256color", rows=24, columns=80, ignore=(), **env):
        self.screen = Screen(rows, columns)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.rest = ""
        self.output = ""
        self.status = None
        self.master, self.slave = os.openpty()
        self.set_size(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        env = {**os.environ, "LC_ALL": "C.UTF-8", **env}
        env.pop("TERM", None)
        if term is not None:
            env["TERM"] = term
        for name in ("LINES", "COLUMNS", "NO_COLOR"):
            env.pop(name, None)
        self.pid = os.fork()
        if not self.pid:
            self.run(argv, env, ignore)

    def run(self, argv, env, ignore):
        """The child: never returns."""
        try:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave, fd)
            os.closerange(3, 256)
            for number in ignore:
                signal.signal(number, signal.SIG_IGN)
            os.execve(argv[0], argv, env)
        finally:
            os._exit(127)

    def set_size(self, rows, columns):
        """Tell the kernel how large the window is; it tells the program."""
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys):
        """Type."""
        os.write(self.master, keys.encode())

    def read(self, seconds):
        """Take what the program prints, if it does so soon."""
        if self.master is None or not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            text = self.decoder.decode(os.read(self.master, 65536))
        except OSError:
            return False
        self.output += text
        self.rest = self.screen.feed(self.rest + text)
        return True

    def text(self):
        """The screen in one string."""
        return "\n".join(self.screen.lines())

    def wait(self, condition, what):
        """Read until a condition of the screen holds."""
        end = time.monotonic() + LIMIT
        while not condition():
            if self.poll():
                while self.read(0.1):
                    pass
                assert condition(), f"ended before {what}:\n{self.text()}"
                return
            assert time.monotonic() < end, f"never: {what}:\n{self.text()}"
            self.read(0.1)

    def wait_for(self, pattern):
        """Read until the screen has a text."""
        self.wait(lambda: re.search(pattern, self.text(), re.M), pattern)

    def wait_without(self, pattern):
        """Read until the screen has it no more."""
        self.wait(lambda: not re.search(pattern, self.text(), re.M), f"no {pattern}")

    def poll(self):
        """Has it ended?"""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def end(self):
        """Read until it has ended; return its exit status."""
        end = time.monotonic() + LIMIT
        while not self.poll():
            assert time.monotonic() < end, f"does not end:\n{self.text()}"
            self.read(0.05)
        while self.read(0.1):
            pass
        return self.status

    def hang_up(self):
        """Close the window."""
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = None

    def kill(self):
        """Whatever happened, leave nothing behind."""
        if not self.poll():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def is_restored(self):
        """Is the terminal as it was before the program?"""
        return termios.tcgetattr(self.slave) == self.before and \
            not self.screen.alternate and not self.screen.cursor_hidden
