# SPDX-License-Identifier: GPL-2.0
"""The kernels that the lab can boot, and how those not packaged are built.

Stock kernels are the ones installed on this machine.  The debug and the
User-Mode kernel are built from Debian's linux-source package, from a config
fragment beside this file, into the cache.  A build's key covers the fragment,
the source package's version and the compiler, so a stale kernel is never used.
"""

import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import cache

HERE = pathlib.Path(__file__).resolve().parent
SOURCE_PACKAGE = "linux-source-6.12"
SOURCE_TARBALL = pathlib.Path("/usr/src") / f"{SOURCE_PACKAGE}.tar.xz"
STOCK = ("6.12", "6.1")
NAMES = STOCK + ("debug",)


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel that can be booted and built against."""
    name: str                  # what --kernel calls it
    version: str               # uname -r
    image: pathlib.Path        # what the virtual machine boots
    build: pathlib.Path        # KDIR for external modules
    modules: pathlib.Path      # its directory of modules
    arch: str = "x86_64"
    flags: str = ""            # of the C compiler, beside the usual ones


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a kernel is made from the source package."""
    name: str
    arch: str
    fragment: pathlib.Path
    targets: tuple
    image: str
    # Of the C compiler.
    flags: str = ""


DEBUG = Recipe("debug", "x86_64", HERE / "debug.config",
               ("bzImage", "modules"), "arch/x86/boot/bzImage")


def find(name):
    """Return the kernel called @name, building it if it has to be."""
    if name in STOCK:
        return find_stock(name)
    return find_built(DEBUG)


def find_stock(name):
    """Return the newest installed Debian kernel of the series @name."""
    images = installed_images(name)
    if not images:
        raise cache.LabError(
            f"no Debian kernel {name} in /boot; run tools/deps/install lab")
    image = images[-1]
    version = image.name[len("vmlinuz-"):]
    modules = pathlib.Path("/lib/modules") / version
    return Kernel(name, version, image, modules / "build", modules)


def installed_images(series):
    """List the installed images of @series, oldest first."""
    flavour = re.compile(rf"vmlinuz-{re.escape(series)}\.[^-]*(-\d+)?-amd64$")
    found = [p for p in pathlib.Path("/boot").glob("vmlinuz-*")
             if flavour.match(p.name)]
    return sorted(found, key=lambda p: version_key(p.name))


def version_key(text):
    """Sort key that compares the numbers in @text as numbers."""
    return [int(n) for n in re.findall(r"\d+", text)]


def find_built(recipe):
    """Return the kernel of @recipe from the cache; build it on a miss."""
    entry = built_entry(recipe)
    if not entry.is_dir():
        with cache.lock(entry.name):
            if not entry.is_dir():
                build(recipe, entry)
    version = (entry / "version").read_text().strip()
    return Kernel(recipe.name, version, entry / "image", entry / "build",
                  entry / "modules", recipe.arch, recipe.flags)


def built_entry(recipe):
    """Return the cache directory that @recipe's kernel has or will have."""
    digest = hashlib.sha256()
    digest.update("\n".join(wanted_lines(recipe.fragment)).encode())
    digest.update(source_version().encode())
    digest.update(output_of("gcc", "-dumpfullversion").encode())
    digest.update(recipe.flags.encode())
    return cache.root() / f"kernel-{recipe.name}-{digest.hexdigest()[:16]}"


def source_version():
    """Return the version of the installed source package."""
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}",
         SOURCE_PACKAGE],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if not query.stdout.startswith("ii ") or not SOURCE_TARBALL.exists():
        raise cache.LabError(
            f"{SOURCE_PACKAGE} is not installed; run tools/deps/install lab")
    return query.stdout[3:]


def output_of(*command):
    """Return what @command prints, stripped."""
    try:
        return subprocess.run(command, check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise cache.LabError(f"{command[0]}: {error}") from error


def build(recipe, entry):
    """Build @recipe's kernel into the cache as @entry."""
    log = cache.root() / f"{entry.name}.log"
    print(f"lab: building the {recipe.name} kernel (minutes; log in {log})",
          file=sys.stderr)
    with cache.staging(entry) as scratch, open(log, "w") as output:
        tree = scratch / "build"
        tree.mkdir()
        run_step(["tar", "-xf", SOURCE_TARBALL, "--strip-components=1",
                  "-C", tree], output)
        make(recipe, tree, output, f"KCONFIG_ALLCONFIG={recipe.fragment}",
             "allnoconfig")
        check_config(recipe.fragment, tree / ".config")
        make(recipe, tree, output, *recipe.targets)
        make(recipe, tree, output, f"INSTALL_MOD_PATH={scratch}/root",
             "modules_install")
        collect(recipe, tree, scratch)


def make(recipe, tree, output, *arguments):
    """Run make in the kernel tree at low priority, on all CPUs."""
    run_step(["nice", "-n", "10", "make", "-C", tree, f"-j{os.cpu_count()}",
              f"ARCH={recipe.arch}", "KBUILD_BUILD_USER=lab",
              "KBUILD_BUILD_HOST=lab", f"KCFLAGS={recipe.flags}", *arguments], output)


def run_step(command, output):
    """Run one step of a build with its output going to @output.

    make has children of its own, so what an interrupted step leaves is ended
    as a group.
    """
    step = subprocess.Popen([str(word) for word in command], stdout=output,
                            stderr=subprocess.STDOUT,
                            stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        status = step.wait()
    except BaseException:
        os.killpg(step.pid, signal.SIGKILL)
        step.wait()
        raise
    if status:
        tail = pathlib.Path(output.name).read_text(errors="replace")[-2000:]
        raise cache.LabError(f"{command[0]} failed; the log "
                             f"{output.name} ends with:\n{tail}")


def check_config(fragment, config):
    """Fail unless every line of @fragment is in force in @config.

    Kconfig drops a symbol whose dependencies are missing without a word.
    """
    final = set(config.read_text().splitlines())
    lost = [line for line in wanted_lines(fragment)
            if not in_force(line, final)]
    if lost:
        raise cache.LabError(f"{fragment.name}: not in the final config: "
                             + ", ".join(lost))


def wanted_lines(fragment):
    """List the lines of @fragment that are more than comments."""
    return [line for line in fragment.read_text().splitlines()
            if re.match(r"CONFIG_|# CONFIG_\w+ is not set", line)]


def in_force(line, final):
    """Say whether the fragment's @line holds in the set of lines @final."""
    symbol = re.search(r"CONFIG_\w+", line).group()
    if line.startswith("#") or line.endswith("=n"):
        return not any(other.startswith(f"{symbol}=") for other in final)
    return line in final


def collect(recipe, tree, scratch):
    """Keep of a built tree the image and what external modules need."""
    version = (tree / "include/config/kernel.release").read_text().strip()
    (scratch / "version").write_text(f"{version}\n")
    (tree / recipe.image).rename(scratch / "image")
    (tree / "System.map").rename(scratch / "System.map")
    installed = scratch / "root/lib/modules" / version
    installed.rename(scratch / "modules")
    shutil.rmtree(scratch / "root")
    for link in ("build", "source"):
        (scratch / "modules" / link).unlink(missing_ok=True)
    (scratch / "modules/build").symlink_to("../build")
    prune(tree)


def prune(tree):
    """Delete from a built tree what building a module does not read."""
    for directory, _, files in os.walk(tree, topdown=False):
        where = pathlib.Path(directory)
        for name in files:
            if not is_needed((where / name).relative_to(tree)):
                (where / name).unlink()
        if not any(where.iterdir()):
            where.rmdir()


def is_needed(path):
    """Say whether a module build may read @path, relative to the tree."""
    parts = path.parts
    if parts[0] == "scripts" or parts[:2] == ("tools", "objtool"):
        return path.suffix not in (".o", ".a")
    if parts[0] == "arch" and parts[1] not in ("x86", "um", "Kconfig"):
        return False
    if path.suffix in (".h", ".release", ".conf", ".lds"):
        return parts[0] == "include" or parts[0] == "arch"
    if path.suffix in (".sh", ".tbl"):
        return parts[0] == "arch"
    return (path.name.startswith(("Makefile", "Kbuild", "Kconfig"))
            or path.name in (".config", "Module.symvers"))


def available():
    """List (name, description) of every kernel that --kernel takes."""
    rows = []
    for name in STOCK:
        images = installed_images(name)
        rows.append((name, images[-1].name[len("vmlinuz-"):]
                     if images else "not installed"))
    try:
        entry = built_entry(DEBUG)
        rows.append(("debug", (entry / "version").read_text().strip()
                     + f" (cached in {entry})" if entry.is_dir()
                     else "not built yet; lab build --kernel debug"))
    except cache.LabError as error:
        rows.append(("debug", str(error)))
    return rows
