# SPDX-License-Identifier: GPL-2.0
"""Makes the VM's root: busybox, the host's tools with their libraries, kernel modules, the tests."""

import lzma
import os
import re
import shutil
import stat
import subprocess

from kernel import Missing

# Kernel modules that tests may ask for; what they depend on comes along.
MODULES = """virtio_pci virtio_blk loop null_blk brd scsi_debug sd_mod zram configfs dm-mod dm-flakey dm-snapshot dm-delay
    dm-thin-pool dm-crypt md-mod raid0 raid1 overlay ext4 xfs btrfs vfat nls_cp437 nls_iso8859-1 nls_ascii crc32c_generic""".split()

TOOLS = {   # command: Debian package
    "mkfs.ext4": "e2fsprogs", "e2fsck": "e2fsprogs", "mkfs.xfs": "xfsprogs", "xfs_repair": "xfsprogs",
    "mkfs.btrfs": "btrfs-progs", "btrfs": "btrfs-progs", "mkfs.vfat": "dosfstools", "dmsetup": "dmsetup", "mdadm": "mdadm",
    "losetup": "mount", "mount": "mount", "umount": "mount", "blkdiscard": "util-linux",
    "blockdev": "util-linux", "addpart": "util-linux", "delpart": "util-linux", "resizepart": "util-linux",
    "fsfreeze": "util-linux", "xfs_io": "xfsprogs",
}
# Taken if there: a test may use them only where busybox's own will do.
# fio is not here: its libraries are larger than everything else together (`needs: fio`).
OPTIONAL = ["strace", "xfs_freeze", "setpriv", "ionice", "taskset", "partx"]


class Cpio:
    """Writes a newc archive; needs neither root nor cpio."""

    def __init__(self, path):
        self.out = open(path, "wb")
        self.ino = 0
        self.seen = set()

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self.ino += 1
        encoded = name.encode() + b"\0"
        fields = [self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(encoded), 0]
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + encoded
        self.out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

    def directory(self, name):
        parent = os.path.dirname(name)
        if not name or name in self.seen:
            return
        self.directory(parent)
        self.seen.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o755):
        if name not in self.seen:
            self.directory(os.path.dirname(name))
            self.seen.add(name)
            self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        if name not in self.seen:
            self.directory(os.path.dirname(name))
            self.seen.add(name)
            self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def close(self):
        self._entry("TRAILER!!!", 0)
        self.out.close()


def _read(path):
    with open(path, "rb") as f:
        return f.read()


def _which(command):
    return shutil.which(command, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _add_program(cpio, path, name):
    cpio.file(name, _read(path))
    with open(path, "rb") as f:
        if f.read(4) != b"\x7fELF":
            return
    done = subprocess.run(["ldd", path], capture_output=True, text=True)
    for library in re.findall(r"(/\S+)", done.stdout):
        cpio.file(library.lstrip("/"), _read(library))


def _add_tools(cpio, more):
    busybox = _which("busybox")
    if not busybox:
        raise Missing("no busybox: apt-get install busybox-static")
    cpio.file("bin/busybox", _read(busybox))
    for command, package in TOOLS.items():
        path = _which(command)
        if not path:
            raise Missing(f"no {command}: apt-get install {package}")
        _add_program(cpio, os.path.realpath(path), f"bin/{command}")
    for command in more:
        path = _which(command)
        if not path:
            raise Missing(f"no {command}, which a test needs")
        _add_program(cpio, os.path.realpath(path), f"bin/{command}")
    for command in OPTIONAL:
        path = _which(command)
        if path:
            _add_program(cpio, os.path.realpath(path), f"bin/{command}")
    # Not busybox's shell, which prefers its own losetup, mount ... to the real ones.
    dash = _which("dash")
    if not dash:
        raise Missing("no dash: apt-get install dash")
    _add_program(cpio, dash, "bin/sh")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        cpio.link(f"bin/{applet}", "busybox")
    for directory in ("sbin", "usr/bin", "usr/sbin"):
        cpio.link(directory, "/bin")


def _module_names(line):
    """File stem and dependencies of a line of modules.dep."""
    path, _, needs = line.partition(":")
    return path, needs.split()


def _add_modules(cpio, kernel, own):
    """The listed modules of the kernel and our own, uncompressed, with a modules.dep of just them."""
    def stem(path):
        return os.path.basename(path).split(".ko")[0].replace("-", "_")

    table = {}
    with open(os.path.join(kernel.modules, "modules.dep")) as f:
        for line in f:
            path, needs = _module_names(line)
            table[stem(path)] = (path, needs)
    wanted, dep = [stem(m) for m in MODULES], {}
    while wanted:
        name = wanted.pop()
        if name in dep or name not in table:
            continue    # a module that is built in, or that this kernel does not have
        path, needs = table[name]
        data = _read(os.path.join(kernel.modules, path))
        if path.endswith(".xz"):
            data = lzma.decompress(data)
        cpio.file(f"lib/modules/{kernel.release}/{name}.ko", data, 0o644)
        dep[name] = [stem(n) for n in needs]
        wanted += dep[name]
    names = [stem(k) for k in own]
    for path in own:
        cpio.file(f"lib/modules/{kernel.release}/{stem(path)}.ko", _read(path), 0o644)
        needs = subprocess.run(["modinfo", "-F", "depends", path], capture_output=True, text=True, check=True).stdout
        dep[stem(path)] = [stem(n) for n in needs.strip().split(",") if stem(n) in names]
    lines = [f"{name}.ko: " + " ".join(f"{n}.ko" for n in needs) for name, needs in dep.items()]
    cpio.file(f"lib/modules/{kernel.release}/modules.dep", ("\n".join(lines) + "\n").encode(), 0o644)
    cpio.file(f"lib/modules/{kernel.release}/modules.alias", b"", 0o644)
    cpio.file(f"lib/modules/{kernel.release}/modules.symbols", b"", 0o644)


def build(path, kernel, own_modules, agent, programs, files, tools=()):
    """
    Writes the archive to path. own_modules: paths of .ko files; programs: dynamically linked
    ones, as {name in the VM: path}; files: others likewise; tools: commands of the host.
    """
    partial = path + ".partial"
    cpio = Cpio(partial)
    for directory in ("dev", "proc", "sys", "tmp", "run", "mnt", "etc", "lib/modules"):
        cpio.directory(directory)
    cpio.device("dev/console", 5, 1)
    cpio.file("init", _read(agent))
    cpio.file("etc/passwd", b"root:x:0:0:root:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n", 0o644)
    cpio.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n", 0o644)
    if own_modules:
        cpio.file("etc/with-modules", b"", 0o644)
    _add_tools(cpio, tools)
    _add_modules(cpio, kernel, own_modules)
    for name, source in programs.items():
        _add_program(cpio, source, name)
    for name, source in files.items():
        cpio.file(name, _read(source), stat.S_IMODE(os.stat(source).st_mode))
    cpio.close()
    os.rename(partial, path)
