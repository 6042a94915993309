# SPDX-License-Identifier: GPL-2.0
"""Builds this repository's modules for a kernel, outside the source tree.

Kbuild of 6.1 and 6.12 writes beside the sources, so each pair of checkout and
kernel has a mirror of the sources in the cache.  rsync keeps the time stamps:
what did not change is not compiled again.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import cache

SOURCES = ("Kbuild", "Makefile", "esxmem")
# In the order in which they are inserted; the rest is left to the tests.
LOADED = ("esxmem.ko", "esxmem_kvm.ko")
# Names the checkout that a build directory belongs to.
ORIGIN = "origin"
PRODUCTS = ("*.o", "*.ko", "*.mod", "*.mod.c", ".*.cmd", ".*.d",
            "modules.order", "Module.symvers", ".module-common.o")


def build(kernel, repo, into):
    """Build the modules of @repo for @kernel; copy each one to @into."""
    drop_orphans()
    mirror = mirror_directory(kernel, repo)
    with cache.lock(mirror.name):
        refresh(mirror, repo)
        compile_mirror(mirror, kernel)
        built = sorted(mirror.glob("**/esxmem*.ko"))
        if not built:
            raise cache.LabError(f"{repo}: the build made no esxmem*.ko")
        for module in built:
            shutil.copy2(module, into)


def mirror_directory(kernel, repo):
    """Return the build directory of @repo for @kernel."""
    digest = hashlib.sha256(f"{repo}\0{kernel.build.resolve()}".encode())
    return (cache.root() /
            f"modules-{kernel.name}-{digest.hexdigest()[:16]}")


def drop_orphans():
    """Delete the build directories of checkouts that are gone."""
    for origin in cache.root().glob(f"modules-*/{ORIGIN}"):
        if not pathlib.Path(origin.read_text()).is_dir():
            shutil.rmtree(origin.parent, ignore_errors=True)


def refresh(mirror, repo):
    """Make the sources in @mirror those of @repo, keeping the objects."""
    present = [str(repo / name) for name in SOURCES if (repo / name).exists()]
    if len(present) != len(SOURCES):
        raise cache.LabError(f"{repo} has no modules to build yet; "
                             "use --no-modules to boot without them")
    mirror.mkdir(exist_ok=True)
    (mirror / ORIGIN).write_text(str(repo))
    keep = [f"--exclude={pattern}" for pattern in PRODUCTS]
    subprocess.run(["rsync", "-rlt", "--delete", *keep, *present,
                    f"{mirror}/"], check=True)


def compile_mirror(mirror, kernel):
    """Run Kbuild in @mirror; its complaints become the error's text."""
    make = subprocess.run(
        ["make", "-s", "-C", str(kernel.build), f"M={mirror}", f"ARCH={kernel.arch}",
         f"KCFLAGS={kernel.flags}",
         f"-j{os.cpu_count()}", "modules"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace")
    if make.returncode:
        raise cache.LabError(
            f"the modules do not build for {kernel.version}:\n{make.stdout}")


def in_load_order(directory):
    """List the modules in @directory that a run inserts, in order."""
    return [directory / name for name in LOADED
            if (directory / name).exists()]


def dependencies(names, kernel):
    """List the files of @kernel that modules @names need, in load order.

    A name that is built in, or that this kernel does not know, has none.
    """
    table = read_table(kernel.modules / "modules.dep")
    ordered = []
    for name in names:
        path = table["paths"].get(canonical(name))
        if path is None:
            continue
        # modules.dep lists the direct and indirect needs, deepest last.
        for needed in reversed([path] + table["needs"][path]):
            if needed not in ordered:
                ordered.append(needed)
    return [kernel.modules / path for path in ordered]


def read_table(path):
    """Parse a modules.dep."""
    paths, needs = {}, {}
    for line in path.read_text().splitlines():
        module, _, rest = line.partition(":")
        paths[canonical(module)] = module
        needs[module] = rest.split()
    return {"paths": paths, "needs": needs}


def canonical(name):
    """Reduce a module's path or name to the name the kernel uses."""
    base = pathlib.PurePath(name).name
    return re.sub(r"\.ko(\.\w+)?$", "", base).replace("-", "_")


def needs_of(module):
    """List the names of the modules that the file @module depends on."""
    query = subprocess.run(["/sbin/modinfo", "-F", "depends", str(module)],
                           check=True, stdout=subprocess.PIPE, text=True)
    return [name for name in query.stdout.strip().split(",")
            if name and not name.startswith("esxmem")]
