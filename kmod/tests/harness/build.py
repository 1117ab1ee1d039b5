# SPDX-License-Identifier: GPL-2.0
"""Builds what a VM boots: modules, tests and the archive that holds them."""

import contextlib
import fcntl
import glob
import os
import subprocess
import sys

import initramfs

TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
KMOD = os.path.dirname(TESTS)
BUILD = os.path.join(KMOD, "build")


def make(*arguments):
    """make, quiet unless it fails."""
    argv = ["make", "--no-print-directory", *arguments]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{' '.join(argv)} failed")


@contextlib.contextmanager
def building():
    """One at a time: runs for several kernels share the tests' programs."""
    os.makedirs(BUILD, exist_ok=True)
    with open(os.path.join(BUILD, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _find_modules(directory, names):
    found = []
    for base, _, files in os.walk(directory):
        found += [os.path.join(base, f) for f in files if f in names]
    return found


def own_modules(kernel):
    """Builds the modules under test; returns their paths."""
    make("-C", KMOD, f"KDIR={kernel.kdir}", "modules")
    own = _find_modules(os.path.join(BUILD, kernel.release), {"blkfilter.ko", "blksnap.ko"})
    if not any(path.endswith("blksnap.ko") for path in own):
        sys.exit(f"no blksnap.ko in {BUILD}/{kernel.release}")
    return own


def _modules(kernel, directory):
    """Builds the modules under test and those that tests load; returns their paths."""
    own = own_modules(kernel)
    make("-C", TESTS, "test-modules", f"KDIR={kernel.kdir}", f"RELEASE={kernel.release}")
    return own + glob.glob(os.path.join(directory, "modules", "*.ko"))


def prepare(kernel, tests, modules, tools):
    """
    Builds modules, if wanted, tests and the archive, which has tools of the host besides; returns
    the archive's path.
    """
    directory = os.path.join(BUILD, "tests", kernel.release)
    bin_dir = os.path.join(BUILD, "tests", "bin")
    os.makedirs(directory, exist_ok=True)
    with building():
        make("-C", TESTS, "programs", f"-j{os.cpu_count()}")
        own = _modules(kernel, directory) if modules else []
        programs = {"bin/blksnapctl": os.path.join(bin_dir, "blksnapctl")}
        programs |= {t.program().lstrip("/"): os.path.join(bin_dir, t.name) for t in tests if t.path.endswith(".c")}
        for source in glob.glob(os.path.join(TESTS, "progs", "*.c")):
            name = os.path.splitext(os.path.basename(source))[0]
            programs[f"bin/{name}"] = os.path.join(bin_dir, "progs", name)
        files = {t.program().lstrip("/"): t.path for t in tests if t.path.endswith(".sh")}
        files |= {"tests/lib/" + os.path.basename(path): path for path in glob.glob(os.path.join(TESTS, "lib", "*.sh"))}
        archive = os.path.join(directory, f"initramfs-{os.getpid()}.cpio")
        initramfs.build(archive, kernel, own, os.path.join(bin_dir, "agent"), programs, files,
                        sorted({tool for t in tests for tool in t.needs} | set(tools)))
    return archive
