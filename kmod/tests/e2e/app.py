# SPDX-License-Identifier: GPL-2.0
"""What the VM boots, and the disk from which it runs the exporter, its tests, fio and git."""

import glob
import os
import shutil
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))

import build as builder
import initramfs
from kernel import Missing
from proof import run

ROOT = os.path.realpath(os.path.join(HERE, "..", "..", ".."))
CLI = os.path.join(ROOT, "consumers", "cli", "target")
SERVER = os.path.join(CLI, "server")
BROKER = os.path.join(CLI, "broker")
CLASSES = os.path.join(CLI, "classes")
EXPORTER = os.path.join(ROOT, "exporter", "target")
TEST_CLASSES = os.path.join(EXPORTER, "test-classes")
CONTRACT_LIB = os.path.join(EXPORTER, "contract-lib")

# Besides those that other tests ask for.
DRIVERS = ["virtio_net", "fuse", "virtiofs", "overlay"]

MODULES = "java.se,jdk.crypto.ec,jdk.management,jdk.unsupported,jdk.zipfs"
TOOLS = {"fio": "fio", "git": "git", "dd": "coreutils"}   # busybox's dd does not know direct reads
# What native libraries in jars need, and the JDK's own do not name.
LIBRARIES = ("libpthread.so.0", "libdl.so.2", "librt.so.1", "libm.so.6", "libgcc_s.so.1", "libc.so.6")


def classpath():
    """Of the host's part: broker and replicator."""
    for path in (CLASSES, SERVER, BROKER, TEST_CLASSES, CONTRACT_LIB):
        if not os.path.isdir(path):
            raise Missing(f"no {os.path.relpath(path, ROOT)}: blkcast is not built. Run: mvn -DskipTests package")
    return ":".join((CLASSES, os.path.join(SERVER, "*"), os.path.join(BROKER, "*")))


def _which(command, package):
    path = shutil.which(command)
    if not path:
        raise Missing(f"no {command}: apt-get install {package}")
    return os.path.realpath(path)


def _runtime(build):
    """A JVM made for the exporter; kept, for it takes a while."""
    version = run("java", "-version")
    path = os.path.join(build, "e2e-jre")
    stamp = os.path.join(path, "made-from")
    if os.path.exists(stamp) and open(stamp).read() == version:
        return path
    partial = f"{path}.{os.getpid()}"
    run(_which("jlink", "openjdk-17-jdk-headless"), "--add-modules", MODULES, "--strip-debug", "--no-man-pages",
        "--no-header-files", "--generate-cds-archive", "--output", partial)
    with open(os.path.join(partial, "made-from"), "w") as f:
        f.write(version)
    shutil.rmtree(path, ignore_errors=True)
    os.rename(partial, path)
    return path


def _libraries(root, programs):
    """Copies what the programs are linked against, and the fixed ones."""
    target = os.path.join(root, "native")
    os.makedirs(target)
    system = None
    for program in programs:
        for line in run("ldd", program, check=False).splitlines():
            library = line.partition("=>")[2].split()
            if library and library[0].startswith("/") and root not in library[0]:
                shutil.copy(library[0], target)
                if "libc.so.6" in library[0]:
                    system = os.path.dirname(library[0])
    for name in LIBRARIES:
        shutil.copy(os.path.join(system, name), target)


def _repository(path, commits=24):
    """A git repository whose commits rewrite most of a few hundred files."""
    run("git", "init", "-q", path)
    # Or HEAD and index may be empty after a power cut, as by default git syncs neither.
    run("git", "-C", path, "config", "core.fsync", "all")
    for commit in range(commits):
        for index in range(200):
            directory = os.path.join(path, f"d{index % 10}")
            os.makedirs(directory, exist_ok=True)
            if (index + commit) % 3:
                with open(os.path.join(directory, f"f{index}"), "w") as f:
                    f.write(f"{index} {commit} {index * 2654435761 % 2**32:x}\n" * (40 + index))
        run("git", "-C", path, "add", "-A")
        run("git", "-C", path, "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-qm",
            f"commit {commit}")


def make(path, directory):
    """Writes the disk, an ext4 image, to path; directory is for what comes and goes."""
    classpath()
    root = os.path.join(directory, "app")
    os.makedirs(os.path.join(root, "lib"))
    os.makedirs(os.path.join(root, "bin"))
    for jar in glob.glob(os.path.join(SERVER, "*.jar")) + glob.glob(os.path.join(CLI, "blkcast-cli-*.jar")):
        shutil.copy2(jar, os.path.join(root, "lib"))
    shutil.copytree(CONTRACT_LIB, os.path.join(root, "contract-lib"))
    shutil.copytree(TEST_CLASSES, os.path.join(root, "test-classes"))
    with builder.building():    # another kernel's run may be at it
        shutil.copytree(_runtime(builder.BUILD), os.path.join(root, "jre"), symlinks=True)
    for command, package in TOOLS.items():
        shutil.copy(_which(command, package), os.path.join(root, "bin"))
    programs = glob.glob(os.path.join(root, "bin", "*")) + glob.glob(os.path.join(root, "jre", "bin", "*"))
    programs += glob.glob(os.path.join(root, "jre", "lib", "**", "*.so"), recursive=True)
    _libraries(root, programs)
    _repository(os.path.join(root, "repository"))
    size = int(run("du", "-sm", root).split()[0]) * 5 // 4 + 32
    with open(path, "wb") as f:
        f.truncate(size << 20)
    run("mkfs.ext4", "-q", "-O", "^has_journal", "-d", root, path)
    shutil.rmtree(root)


def archive(kernel, directory):
    """What the VM boots: the modules under test, and what prepares it for orders; returns its path."""
    with builder.building():
        builder.make("-C", builder.TESTS, "../build/tests/bin/progs/stamp", "../build/tests/bin/blksnapctl")
        own = builder.own_modules(kernel)
    bin_dir = os.path.join(builder.BUILD, "tests", "bin")
    initramfs.MODULES += DRIVERS
    path = os.path.join(directory, "initramfs.cpio")
    initramfs.build(path, kernel, own, os.path.join(HERE, "init"), {
        "bin/stamp": os.path.join(bin_dir, "progs", "stamp"), "bin/blksnapctl": os.path.join(bin_dir, "blksnapctl")}, {})
    return path
