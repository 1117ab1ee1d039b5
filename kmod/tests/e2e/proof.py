# SPDX-License-Identifier: GPL-2.0
"""Whether a replica is what the source was at one instant, judged without the exporter's word."""

import contextlib
import hashlib
import os
import struct
import subprocess
import tempfile
import time

BLOCK = 4096


class Failed(Exception):
    """A step went wrong; the text says how."""


def run(*argv, check=True, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **more)
    if check and done.returncode:
        raise Failed(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def wait_until(what, condition, timeout=120):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{what}: did not happen within {timeout} s")
        time.sleep(0.5)


def digest(path):
    """SHA-256 of a file's content."""
    sha = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        while part := f.read(1 << 20):
            sha.update(part)
    return sha.hexdigest()


def stamps(path):
    """
    Holds a file that progs/stamp.c wrote, or a part of its writes, against that program: every block is
    as the first N writes leave it, for one N, which is returned.
    """
    found = []
    with open(path, "rb") as f:
        while block := f.read(BLOCK):
            number = struct.unpack_from("<Q", block)[0]
            if block != struct.pack("<Q", number) * (BLOCK // 8):
                raise Failed(f"{path}: block {len(found)} holds parts of several writes")
            found.append(number)
    last = max(found)
    wanted = [0] * len(found)
    for number in range(1, last + 1):
        wanted[((number * 2654435761 & 0xffffffff) * len(found)) >> 32] = number
    for block, (is_, should) in enumerate(zip(found, wanted)):
        if is_ != should:
            raise Failed(f"{path}: write {last} is there, but block {block} holds write {is_}, not {should}")
    return last


@contextlib.contextmanager
def mounted(path, kind):
    """
    A directory in which the image is mounted without being changed, and whose filesystem is checked. ext4 has nothing in
    its journal after it was frozen; xfs leaves in its log what it needs to, so a copy replays that.
    """
    with tempfile.TemporaryDirectory(prefix="blkcast-e2e-") as directory:
        options, checked = "loop,ro,noload", path
        if kind == "xfs":
            options, checked = "loop,nouuid", os.path.join(directory, "copy")
            run("cp", "--sparse=always", path, checked)
        else:
            run("e2fsck", "-fn", path)
        where = os.path.join(directory, "mount")
        os.mkdir(where)
        run("mount", "-t", kind, "-o", options, checked, where)
        try:
            yield where
        finally:
            run("umount", where)
        if kind == "xfs":
            # A container that is being started has a copy of every mount for a moment, and keeps the filesystem going.
            wait_until(f"the end of all mounts of {checked}", lambda: not run("losetup", "-j", checked), 60)
            run("xfs_repair", "-n", "-f", checked)


# In a directory of the source and in one of the replica: every file with its digest.
LIST_FILES = "find . -type f -exec sha256sum {} + | sort -k 2"


def files(path, kind):
    """sha256sum of every file in the image, which is checked besides."""
    with mounted(path, kind) as where:
        return run("sh", "-c", f"cd {where} && {LIST_FILES}")


def file_digests_differ(got, wanted):
    """The first few lines in which two outputs of LIST_FILES differ."""
    got, wanted = set(got.splitlines()), set(wanted.splitlines())
    return "\n".join(sorted(got ^ wanted)[:10])
