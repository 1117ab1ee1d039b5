# SPDX-License-Identifier: GPL-2.0
"""What runs outside of the VM: a broker, replicators, and the look at replicas."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "harness"))

from guest import GATEWAY, Failed
from kernel import Missing

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", ".."))
LIB = os.path.join(ROOT, "consumers", "quickstart", "target", "lib")
BUILD = os.path.join(ROOT, "kmod", "build")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(*argv, check=True):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and done.returncode:
        raise Failed(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


def classpath():
    classes = os.path.join(ROOT, "consumers", "quickstart", "target", "classes")
    if not os.path.isdir(classes) or not os.path.isdir(LIB):
        raise Missing("blkcast is not built: mvn -DskipTests package")
    return classes + ":" + os.path.join(LIB, "*")


class Broker:
    """A Kafka broker of its own process: listens for this host and, as another address, for the VM."""

    def __init__(self, directory, log):
        self.log = log
        self.here, self.vm, controller = free_port(), free_port(), free_port()
        self.config = os.path.join(directory, "server.properties")
        with open(self.config, "w") as f:
            f.write(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=HERE://127.0.0.1:{self.here},VM://127.0.0.1:{self.vm},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=HERE://127.0.0.1:{self.here},VM://{GATEWAY}:{self.vm}
listener.security.protocol.map=HERE:PLAINTEXT,VM:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=HERE
controller.listener.names=CONTROLLER
log.dirs={directory}/log
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.segment.bytes=67108864
""")
        run("java", "-cp", classpath(), "kafka.tools.StorageTool", "format", "-t", "5L6g3nShT-eMCtK--X86sw", "-c",
            self.config)
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["java", "-Xmx384m", "-cp", classpath(), "kafka.Kafka", self.config],
                                        stdout=self.log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.here), 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise Failed("the broker does not start; see its log") from None
                time.sleep(0.3)
        raise Failed("the broker does not listen")

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Replica:
    """The replica of one volume, as `blkcast replicate` keeps it."""

    def __init__(self, volume, directory, broker):
        self.volume, self.broker = volume, broker
        self.path = os.path.join(directory, volume + ".replica")

    def _blkcast(self, command, *more):
        return run("java", "-Xmx256m", "-cp", classpath(), "io.blkcast.quickstart.Main", command, "--volume",
                   self.volume, "--target", self.path, "--bootstrap-servers", f"127.0.0.1:{self.broker.here}", "--json",
                   *more)

    def catch_up(self):
        """Applies all that is committed; the increments applied."""
        lines = self._blkcast("replicate", "--once").splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{")]
        refused = [e for e in events if e["event"] != "applied"]
        if refused:
            raise Failed(f"increments were refused: {refused}")
        return events

    def verify(self):
        """`blkcast verify` proves the replica from the retained records alone."""
        return self._blkcast("verify")

    def digest(self):
        return run("sha256sum", self.path).split()[0]

    def check_filesystem(self, kind):
        """The filesystem is clean as it is: it was frozen for the snapshot."""
        if kind == "ext4":
            run("e2fsck", "-fn", self.path)
        else:
            run("xfs_repair", "-n", "-f", self.path)

    def files(self, kind):
        """sha256sum of every file, from a mount that changes nothing."""
        with tempfile.TemporaryDirectory() as where:
            run("mount", "-t", kind, "-o", "loop,ro," + ("noload" if kind == "ext4" else "norecovery,nouuid"), self.path,
                where)
            try:
                return run("sh", "-c", f"cd {where} && find . -type f -exec sha256sum {{}} + | sort -k 2")
            finally:
                run("umount", where)


class Api:
    """The exporter's HTTP API, through a forwarded port."""

    def __init__(self, port, management):
        self.base = f"http://127.0.0.1:{port}/api/v1/volumes"
        self.ready = f"http://127.0.0.1:{management}/readyz"

    def _call(self, method, path, timeout):
        request = urllib.request.Request(self.base + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as e:
            raise Failed(f"{method} {path}: {e.code} {e.read().decode()}") from None
        except OSError as e:
            raise Failed(f"{method} {path}: {e}") from None

    def wait_ready(self, timeout):
        end = time.monotonic() + timeout
        answer = ""
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(self.ready, timeout=5):
                    return
            except urllib.error.HTTPError as e:
                answer = e.read().decode()
            except OSError as e:
                answer = str(e)
            time.sleep(1)
        raise Failed(f"the exporter is not ready after {timeout} s: {answer}")

    def increment(self, volume, timeout=300):
        """Takes one and waits until it is committed; what was."""
        return self._call("POST", f"/{volume}/increments?wait=true", timeout)

    def start_increment(self, volume):
        return self._call("POST", f"/{volume}/increments", 30)

    def volume(self, volume):
        return self._call("GET", f"/{volume}", 30)

    def increments(self, volume):
        return self._call("GET", f"/{volume}/increments", 30)["increments"]


def app_disk(path, directory):
    """An ext4 image with a JVM made for the exporter, its jars, and the libraries that the JVM needs."""
    root = os.path.join(directory, "app")
    os.makedirs(os.path.join(root, "native"))
    shutil.copytree(LIB, os.path.join(root, "lib"))
    shutil.move(os.path.join(directory, "repository"), os.path.join(root, "repository"))
    jlink = shutil.which("jlink")
    if not jlink:
        raise Missing("no jlink: apt-get install openjdk-17-jdk-headless")
    run(jlink, "--add-modules", "java.se,jdk.crypto.ec,jdk.management,jdk.unsupported,jdk.zipfs", "--strip-debug",
        "--no-man-pages", "--no-header-files", "--output", os.path.join(root, "jre"))
    for base, _, names in os.walk(os.path.join(root, "jre")):
        for name in names:
            file = os.path.join(base, name)
            if name.endswith(".so") or os.path.basename(base) == "bin":
                for line in run("ldd", file, check=False).splitlines():
                    library = line.partition("=>")[2].split()
                    if library and library[0].startswith("/") and root not in library[0]:
                        shutil.copy(library[0], os.path.join(root, "native"))
    size = int(run("du", "-sm", root).split()[0]) + 64
    with open(path, "wb") as f:
        f.truncate(size << 20)
    run("mkfs.ext4", "-q", "-O", "^has_journal", "-d", root, path)
    shutil.rmtree(root)
