# SPDX-License-Identifier: GPL-2.0
"""Makes what a guest boots from: a disk, a kernel, an initial file system.

The disk is an ext4 image of a small Debian userland, made of the packages
below without mounting anything.  All guests use the same one, read-only.  The
initial file system holds busybox, the kernel modules for the disk, and the
agent.  Both are kept in the cache; their keys cover the packages' versions,
the kernel and the sources in this directory.
"""

import compileall
import dataclasses
import hashlib
import json
import os
import pathlib
import py_compile
import subprocess

from lab import cache, initramfs, kernels, modules
import content
import packages

HERE = pathlib.Path(__file__).resolve().parent

KERNEL = "6.12"
PACKAGES = ("bash", "busybox-static", "coreutils", "dash", "nginx", "perl",
            "python3", "sqlite3")
# Some are built in on some kernels; then there is nothing to load.  ext4 asks
# for crc32c by name at run time, so its dependencies do not mention it.
MODULES = ("virtio_pci", "virtio_console", "virtio_blk", "virtio_balloon",
           "crc32c_generic", "ext4")
AGENT = ("agent.py", "content.py", "start", "nginx.conf")
BUILDER = ("image.py", "packages.py")
MOUNT_POINTS = ("dev", "proc", "sys", "run", "tmp", "var/log/nginx",
                "var/lib/nginx", "root")
ACCOUNTS = ("root:x:0:0:root:/root:/bin/bash\n"
            "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n")
GROUPS = "root:x:0:\nwww-data:x:33:\n"
# The table of the files that a guest reads and checks, inside the image.
MANIFEST = "usr/share/guest-manifest.json"
SPARE_BYTES = 16 << 20


@dataclasses.dataclass(frozen=True)
class Image:
    """Where the parts are."""
    disk: pathlib.Path
    kernel: pathlib.Path
    initrd: pathlib.Path
    manifest: pathlib.Path

    def usr_digest(self, warm_mib):
        """Return the digest of the files that a warm guest has read."""
        manifest = json.loads(self.manifest.read_text())
        return content.files_digest(
            content.warm_files(manifest, warm_mib * content.MIB))

    def save(self, path):
        """Describe the image in a file, for a process that cannot build it."""
        fields = {name: str(value)
                  for name, value in dataclasses.asdict(self).items()}
        pathlib.Path(path).write_text(json.dumps(fields))

    @classmethod
    def load(cls, path):
        """Return the image that save() described."""
        fields = json.loads(pathlib.Path(path).read_text())
        return cls(**{name: pathlib.Path(value)
                      for name, value in fields.items()})


def get():
    """Return the image of $GUEST_IMAGE, or the cache's, made if need be."""
    described = os.environ.get("GUEST_IMAGE")
    if described:
        return Image.load(described)
    kernel = kernels.find(KERNEL)
    disk = get_disk()
    return Image(disk=disk / "disk", manifest=disk / "manifest.json",
                 kernel=kernel.image, initrd=get_initrd(kernel))


def get_disk():
    """Return the cache entry with the disk and its manifest."""
    chosen = packages.resolve(PACKAGES)
    key = digest_of([str(package) for package in chosen], BUILDER)
    return get_entry(f"guest-disk-{key}",
                     lambda scratch: build_disk(chosen, scratch))


def get_initrd(kernel):
    """Return the path of the initial file system for @kernel."""
    key = digest_of([kernel.version], BUILDER + AGENT + ("init",))
    entry = get_entry(f"guest-initrd-{key}",
                      lambda scratch: build_initrd(kernel, scratch))
    return entry / "initrd"


def get_entry(name, build):
    """Return the cache entry @name, made by @build on a miss."""
    entry = cache.root() / name
    if not entry.is_dir():
        with cache.lock(name):
            if not entry.is_dir():
                with cache.staging(entry) as scratch:
                    build(scratch)
    return entry


def digest_of(words, sources):
    """Return a key for @words and the contents of @sources."""
    digest = hashlib.sha256("\n".join(words).encode())
    for name in sources:
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()[:16]


def build_disk(chosen, scratch):
    """Make the disk and its manifest in @scratch."""
    root = scratch / "root"
    root.mkdir()
    packages.unpack(chosen, root)
    complete(root)
    manifest = json.dumps(list_files(root))
    (scratch / "manifest.json").write_text(manifest)
    (root / MANIFEST).write_text(manifest)
    make_filesystem(root, scratch / "disk")
    subprocess.run(["rm", "-rf", str(root)], check=True)


def complete(root):
    """Add what maintainer scripts would have made."""
    for name in MOUNT_POINTS:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc/passwd").write_text(ACCOUNTS)
    (root / "etc/group").write_text(GROUPS)
    # Without it every guest would compile what it imports.  The builder's
    # Python is the guest's: both are the release's.
    compileall.compile_dir(
        root / "usr/lib/python3.11", quiet=2, stripdir=str(root),
        prependdir="/", invalidation_mode=(
            py_compile.PycInvalidationMode.UNCHECKED_HASH))


def list_files(root):
    """Return [path, size, digest] of each regular file below /usr, sorted."""
    found = []
    for directory, _, names in os.walk(root / "usr"):
        for name in names:
            path = pathlib.Path(directory) / name
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                found.append([f"/{path.relative_to(root)}", len(data),
                              hashlib.sha256(data).hexdigest()])
    return sorted(found)


def make_filesystem(root, disk):
    """Write the directory @root to @disk as ext4."""
    size, inodes = SPARE_BYTES, 256
    for directory, directories, files in os.walk(root):
        inodes += len(directories) + len(files)
        for name in files:
            path = os.path.join(directory, name)
            size += (os.lstat(path).st_size // 4096 + 1) * 4096
    with open(disk, "wb") as handle:
        handle.truncate(size + inodes * 256)
    subprocess.run(
        ["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0",
         "-O", "^has_journal", "-N", str(inodes), "-d", str(root), str(disk)],
        check=True, stdin=subprocess.DEVNULL)


def build_initrd(kernel, scratch):
    """Make the initial file system for @kernel in @scratch."""
    archive = initramfs.Archive()
    archive.file("bin/busybox", initramfs.BUSYBOX.read_bytes(), 0o755)
    archive.file("init", (HERE / "init").read_bytes(), 0o755)
    initramfs.add_modules(archive, "modules",
                          modules.dependencies(MODULES, kernel))
    for name in AGENT:
        archive.file(f"guest/{name}", (HERE / name).read_bytes(), 0o755)
    archive.write(scratch / "initrd")
