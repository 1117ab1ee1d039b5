# SPDX-License-Identifier: GPL-2.0
"""Which kernel to boot: a Debian series that is installed, the sanitizer kernel, or one with the patches."""

import glob
import os
import re
import subprocess
import tarfile
from dataclasses import dataclass


class Missing(Exception):
    """Something that the user has to install or name; the text says what."""


@dataclass
class Kernel:
    name: str           # as asked for: 6.1, 6.12, sanitizer, uml, patched
    release: str
    image: str          # the bzImage, or the program
    modules: str        # the directory with modules.dep
    kdir: str           # what modules are built against
    slow: int           # factor for timeouts
    memory: int         # MiB that the VM needs


def _version_key(release):
    return [int(n) for n in re.findall(r"\d+", release)]


def _debian(series):
    found = []
    for image in glob.glob(f"/boot/vmlinuz-{series}.*"):
        release = image[len("/boot/vmlinuz-"):]
        if os.path.isdir(f"/lib/modules/{release}/build/include"):
            found.append(release)
    if not found:
        flavour = "" if series == "6.1" else f"-{series}"
        raise Missing(
            f"no kernel {series} with its headers in /boot and /lib/modules. On Debian 12: apt-get install "
            f"linux-image{flavour}-cloud-amd64 linux-headers{flavour}-cloud-amd64"
            + ("" if series == "6.1" else " (from bookworm-backports)"))
    release = max(found, key=_version_key)
    image = f"/boot/vmlinuz-{release}"
    if not os.access(image, os.R_OK):
        raise Missing(f"{image} is not readable for this user: chmod a+r it or run as root")
    return Kernel(series, release, image, f"/lib/modules/{release}",
                  os.path.realpath(f"/lib/modules/{release}/build"), 1, 1536)


def _sanitizer(ready, build):
    directory = ready or os.path.join(build, "sanitizer-kernel")
    if os.path.isfile(directory):
        target = os.path.join(build, "sanitizer-kernel-unpacked")
        stamp = os.path.join(target, ".from")
        origin = f"{os.path.realpath(directory)} {os.stat(directory).st_mtime_ns}"
        if not os.path.exists(stamp) or open(stamp).read() != origin:
            subprocess.run(["rm", "-rf", target], check=True)
            os.makedirs(target)
            with tarfile.open(directory) as tar:
                tar.extractall(target)
            with open(stamp, "w") as f:
                f.write(origin)
        directory = target
    found = glob.glob(os.path.join(directory, "**", "vmlinuz"), recursive=True)
    if not found:
        raise Missing(f"no sanitizer kernel in {directory}: `make -C kmod sanitizer-kernel` builds one (needs "
                      "linux-source-6.12), or SANITIZER_KERNEL=<tarball or directory> names a ready one")
    directory = os.path.realpath(os.path.dirname(found[0]))
    with open(os.path.join(directory, "kdir", "include", "config", "kernel.release")) as f:
        release = f.read().strip()
    return Kernel("sanitizer", release, found[0], os.path.join(directory, "modules"),
                  os.path.join(directory, "kdir"), 3, 2560)


def _patched(name, build, image, memory):
    directory = os.path.join(build, f"{name}-kernel")
    image = os.path.join(directory, image)
    if not os.path.exists(image):
        raise Missing(f"no {image}: `make -C kmod {name}-kernel` builds it (needs linux-source-6.12)")
    with open(os.path.join(directory, "kdir", "include", "config", "kernel.release")) as f:
        release = f.read().strip()
    return Kernel(name, release, image, os.path.join(directory, "modules"), os.path.join(directory, "kdir"), 1, memory)


def find(name, ready, build):
    """The kernel called name; ready and build say where a sanitizer kernel may be."""
    if name == "uml":
        os.environ["ARCH"] = "um"       # for building modules
        return _patched(name, build, "linux", 1024)
    if name == "patched":
        return _patched(name, build, "vmlinuz", 1536)
    if name == "sanitizer":
        return _sanitizer(ready, build)
    if not re.fullmatch(r"\d+\.\d+", name):
        raise Missing(f"KERNEL={name}: expected a series like 6.1 or 6.12, sanitizer, uml or patched")
    return _debian(name)
