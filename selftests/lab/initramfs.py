# SPDX-License-Identifier: GPL-2.0
"""Writes the initial file system of a virtual host.

It holds busybox, the two stages of init, the modules that are needed before
the root can be mounted, and one directory /lab that describes the run.  The
archive is not compressed: QEMU loads it faster than a guest would unpack it.
"""

import gzip
import lzma
import pathlib
import stat

BUSYBOX = pathlib.Path("/bin/busybox")


class Archive:
    """A cpio archive of format newc, in memory."""

    def __init__(self):
        self._parts = []
        self._known = set()
        self._inode = 0

    def directory(self, path):
        """Add the directory @path and those above it."""
        parts = pathlib.PurePosixPath(path).parts
        for depth in range(1, len(parts) + 1):
            name = "/".join(parts[:depth])
            if name not in self._known:
                self._known.add(name)
                self._member(name, stat.S_IFDIR | 0o755, b"")

    def file(self, path, data, mode=0o644):
        """Add a regular file."""
        self.directory(str(pathlib.PurePosixPath(path).parent))
        self._member(path, stat.S_IFREG | mode, data)

    def write(self, path):
        """Write the archive to @path."""
        self._member("TRAILER!!!", 0, b"")
        pathlib.Path(path).write_bytes(b"".join(self._parts))

    def _member(self, name, mode, data):
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0,
                  len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self._parts += [padded(header + encoded), padded(data)]


def padded(data):
    """Return @data filled up to a multiple of four bytes."""
    return data + b"\0" * (-len(data) % 4)


def contents(module):
    """Return the bytes of a module file, decompressed.

    A guest under emulation would take far longer to do it.
    """
    data = module.read_bytes()
    if module.suffix == ".xz":
        return lzma.decompress(data)
    if module.suffix == ".gz":
        return gzip.decompress(data)
    return data


def plain_name(module):
    """Return the file name of @module without a compression suffix."""
    return module.name[:module.name.index(".ko") + 3]


def add_modules(archive, directory, modules):
    """Add @modules to @directory, with a file `order` for loading them."""
    names = []
    for module in modules:
        archive.file(f"{directory}/{plain_name(module)}", contents(module))
        names.append(f"{plain_name(module)}\n")
    archive.file(f"{directory}/order", "".join(names).encode())
