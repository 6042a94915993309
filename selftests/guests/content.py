# SPDX-License-Identifier: GPL-2.0
"""What a guest keeps in its memory, made from its name alone.

The agent in the guest holds one Content for real: a buffer in RAM, files in a
tmpfs, an SQLite database.  Whoever checks the guest makes another one outside,
takes it through the same writes and compares digests; the two meet nowhere
else, so a byte that memory sharing spoils cannot spoil both.

One half of everything is common to all guests, page by page, and can be
shared; the other half is the guest's own.
"""

import hashlib
import mmap
import pathlib
import sqlite3
import textwrap

PAGE = 4096
CHUNK = 64 * PAGE
MIB = 1 << 20
COMMON = "common"

FILE_BYTES = 512 * 1024
ROWS_PER_MIB = 4000


def stream(label, size):
    """Return @size bytes that depend on nothing but @label."""
    return hashlib.shake_128(label.encode()).digest(size)


def text(label):
    """Return a line of text that depends on nothing but @label."""
    return " ".join(textwrap.wrap(stream(label, 80).hex(), 10))


class Content:
    """The data of the guest called @name, @size_mib of each kind in all."""

    def __init__(self, name, size_mib, directory=None):
        self._name = name
        self._buffer = Buffer(name, size_mib * MIB)
        self._files = Files(name, size_mib * MIB // 4, directory)
        self._database = Database(name, size_mib, directory)

    def write(self, nr):
        """Make the guest's write number @nr (1, 2, ...) to everything."""
        for part in (self._buffer, self._files, self._database):
            part.write(nr)

    def digests(self):
        """Return what everything sums up to, by kind."""
        return {"buffer": self._buffer.digest(),
                "files": self._files.digest(),
                "database": self._database.digest()}


class Buffer:
    """Anonymous memory: the first half common, the second the guest's own."""

    def __init__(self, name, size):
        self._name = name
        self._bytes = mmap.mmap(-1, size, mmap.MAP_PRIVATE |
                                mmap.MAP_ANONYMOUS)
        for at in range(0, size, CHUNK):
            owner = COMMON if at < size // 2 else name
            self._bytes[at:at + CHUNK] = stream(f"buffer {owner} {at}", CHUNK)

    def write(self, nr):
        """Change a few bytes of many pages, and the whole of some.

        Of every eight pages two get a few bytes of the guest's own, one
        becomes equal to the same page of the other guests, one becomes zero.
        """
        for page in range(len(self._bytes) // PAGE):
            at = page * PAGE
            turn = (page + nr) % 8
            if turn < 2:
                self._stamp(at, nr)
            elif turn == 2:
                self._bytes[at:at + PAGE] = stream(f"late {page} {nr}", PAGE)
            elif turn == 3:
                self._bytes[at:at + PAGE] = bytes(PAGE)

    def _stamp(self, at, nr):
        stamp = stream(f"stamp {self._name} {at} {nr}", 32)
        start = at + (at // PAGE * 40 + nr) % (PAGE - len(stamp))
        self._bytes[start:start + len(stamp)] = stamp

    def digest(self):
        """Return the digest of every byte."""
        return hashlib.sha256(self._bytes).hexdigest()


class Files:
    """Files in @directory, or the same in memory when there is none."""

    def __init__(self, name, size, directory):
        self._name = name
        self._count = max(2, size // FILE_BYTES)
        self._store = (DirectoryStore(directory) if directory
                       else MemoryStore())
        for nr in range(self._count):
            owner = name if nr % 2 else COMMON
            self._store.write(str(nr), 0, stream(f"file {owner} {nr}",
                                                 FILE_BYTES))

    def write(self, nr):
        """Overwrite the middle of each file; cut one and let it grow."""
        for which in range(self._count):
            label = f"file {self._name} {which} write {nr}"
            self._store.write(str(which), 1000 * nr, stream(label, 3 * PAGE))
        cut = str(nr % self._count)
        self._store.truncate(cut, FILE_BYTES // 2 + 123)
        self._store.write(cut, FILE_BYTES - PAGE,
                          stream(f"file {self._name} tail {nr}", PAGE))

    def digest(self):
        """Return the digest of all files, in order."""
        digest = hashlib.sha256()
        for nr in range(self._count):
            digest.update(self._store.read(str(nr)))
        return digest.hexdigest()


class DirectoryStore:
    """Files of a directory."""

    def __init__(self, directory):
        self._directory = pathlib.Path(directory)

    def write(self, name, at, data):
        """Write @data at byte @at; create the file if need be."""
        path = self._directory / name
        path.touch()
        with open(path, "r+b") as handle:
            handle.seek(at)
            handle.write(data)

    def truncate(self, name, size):
        """Cut the file to @size bytes."""
        with open(self._directory / name, "r+b") as handle:
            handle.truncate(size)

    def read(self, name):
        """Return the whole file."""
        return (self._directory / name).read_bytes()


class MemoryStore:
    """The same as a DirectoryStore, in this process's memory."""

    def __init__(self):
        self._files = {}

    def write(self, name, at, data):
        """Write @data at byte @at; create the file if need be."""
        contents = self._files.setdefault(name, bytearray())
        contents.extend(bytes(max(0, at - len(contents))))
        contents[at:at + len(data)] = data

    def truncate(self, name, size):
        """Cut the file to @size bytes."""
        del self._files[name][size:]

    def read(self, name):
        """Return the whole file."""
        return bytes(self._files[name])


class Database:
    """An SQLite table of rows, half of them alike in all guests."""

    def __init__(self, name, size_mib, directory):
        self._name = name
        self._rows = size_mib * ROWS_PER_MIB // 8
        path = pathlib.Path(directory) / "content.db" if directory else None
        # The agent answers from another thread than the one it started in.
        self._db = sqlite3.connect(path or ":memory:",
                                   check_same_thread=False)
        self._db.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, "
                         "owner TEXT, body TEXT, value INTEGER)")
        self._db.execute("CREATE INDEX item_value ON item (value)")
        self._insert(1, self._rows // 2, COMMON, 0)
        self._insert(self._rows // 2 + 1, self._rows, name, 0)
        self._db.commit()

    def _insert(self, first, last, owner, nr):
        self._db.executemany(
            "INSERT INTO item VALUES (?, ?, ?, ?)",
            ((row, owner, text(f"row {owner} {row} {nr}"), row * 7919 % 1000)
             for row in range(first, last + 1)))

    def write(self, nr):
        """Update a fifth of the rows, delete some, insert some."""
        rows = range(1 + nr % 5, self._rows + 1, 5)
        self._db.executemany(
            "UPDATE item SET owner = ?, body = ? WHERE id = ?",
            ((self._name, text(f"row {self._name} {row} {nr}"), row)
             for row in rows))
        self._db.execute("DELETE FROM item WHERE value % 50 = ?", (nr % 50,))
        first = 1 + self._rows * (nr + 1)
        self._insert(first, first + self._rows // 10, self._name, nr)
        self._db.commit()

    def query(self, value):
        """Return how many rows have @value, and the bytes of their bodies."""
        return self._db.execute(
            "SELECT count(*), total(length(body)) FROM item WHERE value = ?",
            (value,)).fetchone()

    def digest(self):
        """Return the digest of all rows, or what SQLite finds broken."""
        verdict = self._db.execute("PRAGMA integrity_check").fetchall()
        if verdict != [("ok",)]:
            return f"integrity_check: {verdict}"
        digest = hashlib.sha256()
        for row in self._db.execute("SELECT * FROM item ORDER BY id"):
            digest.update(repr(row).encode())
        return digest.hexdigest()


def warm_files(manifest, limit):
    """Return the first (path, digest) of @manifest, @limit bytes in all."""
    chosen, total = [], 0
    for path, size, digest in manifest:
        total += size
        if total > limit:
            break
        chosen.append((path, digest))
    return chosen


def files_digest(files):
    """Return the digest of a list of (path, digest)."""
    lines = "".join(f"{path} {digest}\n" for path, digest in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def expected(name, size_mib, writes):
    """Return the digests of a guest's content after 0, 1 .. @writes writes."""
    content = Content(name, size_mib)
    series = [content.digests()]
    for nr in range(1, writes + 1):
        content.write(nr)
        series.append(content.digests())
    return series
