# SPDX-License-Identifier: GPL-2.0
"""Unpacks Debian packages, with all they depend on, into a directory.

apt works out the dependencies as if nothing were installed.  A package that
this machine has is copied from its file list; another is downloaded, not
installed, because installing a server would also start it.  Nothing is
configured: maintainer scripts do not run.
"""

import dataclasses
import pathlib
import re
import shutil
import subprocess
import tempfile

# The directories that a merged-/usr system has as links.
MERGED = ("bin", "sbin", "lib", "lib64")
# Nobody reads these in a guest.
LEFT_OUT = tuple(f"/usr/share/{name}/" for name in
                 ("doc", "man", "locale", "lintian", "bug", "info"))


class PackageError(Exception):
    """Packages could not be found, downloaded or unpacked."""


@dataclasses.dataclass(frozen=True)
class Package:
    """A package and the version that is used of it."""
    name: str
    version: str
    installed: bool

    def __str__(self):
        return f"{self.name}={self.version}"


def resolve(names):
    """List the packages @names and all that they depend on."""
    try:
        return plan(names)
    except PackageError:
        # apt may have no lists yet, or old ones.
        run("apt-get", "update")
        return plan(names)


def plan(names):
    """Have apt work out what installing @names on nothing would install."""
    with tempfile.NamedTemporaryFile() as nothing_installed:
        text = run("apt-get", "install", "--simulate",
                   "--no-install-recommends",
                   "-o", f"Dir::State::status={nothing_installed.name}",
                   *names)
    wanted = re.findall(r"^Inst (\S+) \((\S+) ", text, re.MULTILINE)
    have = installed_versions()
    return sorted((Package(name, have.get(name, version), name in have)
                   for name, version in wanted), key=str)


def installed_versions():
    """Return the version of each installed package by name."""
    listing = run("dpkg-query", "-W", "-f",
                  "${db:Status-Abbrev}|${Package}|${Version}\\n")
    rows = (line.split("|") for line in listing.splitlines())
    return {name: version for state, name, version in rows
            if state.startswith("ii")}


def unpack(packages, root):
    """Lay out the files of @packages below @root."""
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in packages:
        if package.installed:
            copy_installed(package, root)
    missing = [package for package in packages if not package.installed]
    if missing:
        download(missing, root)


def copy_installed(package, root):
    """Copy the files of an installed package."""
    for line in run("dpkg-query", "-L", package.name).splitlines():
        source = pathlib.Path(line)
        if line.startswith("/") and is_wanted(line):
            copy(source, root / line.lstrip("/"))


def is_wanted(path):
    """Say whether the guests get the file @path."""
    return not f"{path}/".startswith(LEFT_OUT) and path != "/."


def copy(source, target):
    """Copy one file, link or directory, unless it is there already."""
    if source.is_symlink() and not target.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def download(packages, root):
    """Fetch the archives of @packages and unpack them."""
    exclude = [f"--exclude=.{path}*" for path in LEFT_OUT]
    with tempfile.TemporaryDirectory() as directory:
        # apt downloads as a user of its own.
        pathlib.Path(directory).chmod(0o777)
        run("apt-get", "download", *map(str, packages), cwd=directory)
        for archive in pathlib.Path(directory).glob("*.deb"):
            contents = subprocess.Popen(
                ["dpkg-deb", "--fsys-tarfile", archive],
                stdout=subprocess.PIPE)
            run("tar", "-x", "--keep-directory-symlink", "--no-same-owner",
                *exclude, "-C", root, stdin=contents.stdout)
            if contents.wait():
                raise PackageError(f"{archive.name} is damaged")


def run(*command, **options):
    """Return what @command prints; its failure is a PackageError."""
    done = subprocess.run([str(word) for word in command],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, **options)
    if done.returncode:
        raise PackageError(f"{' '.join(map(str, command[:3]))} failed: "
                           f"{done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
