# SPDX-License-Identifier: GPL-2.0
"""What runs outside of the VM: a broker and replicators; and the exporter's API as seen from here."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import app
import proof
from guest import GATEWAY
from proof import Failed, run


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _java(heap, *arguments):
    return ["setpriv", "--pdeathsig", "KILL", "java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
            app.classpath(), *arguments]


class Refused(Failed):
    """The exporter answers with an error, or not at all."""


class Broker:
    """A Kafka broker of its own process: listens for this host and, as another address, for the VM."""

    def __init__(self, directory, log, advertised=None):
        """advertised: address and port by which the VM knows it, where that is not the host's own."""
        self.log = log
        self.here, self.vm, controller = free_port(), free_port(), free_port()
        self.config = os.path.join(directory, "server.properties")
        with open(self.config, "w") as f:
            f.write(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=HERE://127.0.0.1:{self.here},VM://127.0.0.1:{self.vm},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=HERE://127.0.0.1:{self.here},VM://{advertised or f"{GATEWAY}:{self.vm}"}
listener.security.protocol.map=HERE:PLAINTEXT,VM:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=HERE
controller.listener.names=CONTROLLER
log.dirs={directory}/log
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.segment.bytes=67108864
""")
        run(*_java("256m", "kafka.tools.StorageTool", "format", "-t", "5L6g3nShT-eMCtK--X86sw", "-c", self.config))
        self.process = None

    def start(self):
        self.process = subprocess.Popen(_java("512m", "kafka.Kafka", self.config), stdout=self.log,
                                        stderr=subprocess.STDOUT)
        end = time.monotonic() + 120
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

    @contextlib.contextmanager
    def held_up(self):
        """Takes connections and answers nothing in a with block."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


class Replica:
    """The replica of one volume, kept by a `blkcast replicate` that runs all the time."""

    def __init__(self, volume, directory, broker, log):
        self.volume, self.broker, self.log = volume, broker, log
        self.path = os.path.join(directory, volume + ".replica")
        self.changed = threading.Condition()
        self.applied = {}       # increment id: what was said of it
        self.trouble = []
        self.process = None

    def _arguments(self, command):
        return ["io.blkcast.cli.Main", command, "--volume", self.volume, "--target", self.path,
                "--bootstrap-servers", f"127.0.0.1:{self.broker.here}", "--json"]

    def start(self):
        self.process = subprocess.Popen(_java("192m", *self._arguments("replicate")), stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)
        threading.Thread(target=self._listen, args=[self.process.stdout], daemon=True).start()

    def _listen(self, lines):
        for line in lines:
            event = json.loads(line)
            with self.changed:
                if event["event"] == "applied":
                    self.applied[event["incrementId"]] = event
                elif event["event"] != "stalled":  # it waits, for a broker or for what is not published yet
                    self.trouble.append(event)
                self.changed.notify_all()

    def wait_for(self, increment, timeout=120):
        """Until the increment is applied; what the replicator said of it."""
        end = time.monotonic() + timeout
        with self.changed:
            while increment not in self.applied:
                if self.process.poll() is not None or self.trouble:
                    raise Failed(f"the replicator of {self.volume} ended or was refused: {self.trouble}")
                if not self.changed.wait(max(0, end - time.monotonic())):
                    raise Failed(f"{self.volume}: increment {increment} is not on the replica after {timeout} s")
            return self.applied[increment]

    def verify(self):
        """
        `blkcast verify` proves the replica from the retained records alone. It proves nothing while another increment is
        applied, such as one that was asked for before, and says so: then it is asked again.
        """
        for attempt in range(10):
            try:
                return run(*_java("192m", *self._arguments("verify")))
            except Failed as e:
                if attempt == 9 or "written to meanwhile" not in str(e):
                    raise
                time.sleep(1)

    def digest(self):
        return proof.digest(self.path)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Api:
    """The exporter's HTTP API, through a forwarded port."""

    def __init__(self, port, management):
        self.base = f"http://127.0.0.1:{port}/api/v1/volumes"
        self.ready = f"http://127.0.0.1:{management}/readyz"

    def call(self, method, path, timeout=60):
        request = urllib.request.Request(self.base + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as e:
            raise Refused(f"{method} {path}: {e.code} {e.read().decode()}") from None
        except (OSError, ValueError) as e:
            raise Refused(f"{method} {path}: {e!r}") from None

    def wait_ready(self, timeout):
        end = time.monotonic() + timeout
        answer = ""
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(self.ready, timeout=20):
                    return
            except urllib.error.HTTPError as e:
                answer = e.read().decode()
            except OSError as e:
                answer = str(e)
            time.sleep(0.5)
        raise Failed(f"the exporter is not ready after {timeout} s: {answer}")

    def increment(self, *volumes, timeout=300):
        """Takes one of the first volume, whose group the others are, and waits for all; what was committed."""
        before = {name: self.volume(name)["progress"].get("committedId") for name in volumes}
        first = self.call("POST", f"/{volumes[0]}/increments?wait=true", timeout)
        ids = {volumes[0]: first["incrementId"]}
        end = time.monotonic() + timeout
        for name in volumes[1:]:
            while True:
                progress = self.volume(name)["progress"]
                if progress.get("committedId") != before[name] and progress["state"] == "IDLE":
                    break
                if time.monotonic() > end:
                    raise Failed(f"{name} of the group was not committed: {progress}")
                time.sleep(0.2)
            ids[name] = progress["committedId"]
        return first, ids

    def start_increment(self, volume):
        return self.call("POST", f"/{volume}/increments")

    def volume(self, volume):
        return self.call("GET", f"/{volume}")

    def increments(self, volume):
        return self.call("GET", f"/{volume}/increments")["increments"]
