# SPDX-License-Identifier: GPL-2.0
"""The VM in which the exporter runs, and the line by which it takes orders."""

import http.server
import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "harness"))

import vm as machine
from kernel import Missing
from proof import Failed

# How the VM sees the host's loopback, by QEMU's user-mode network.
GATEWAY = "10.0.2.2"
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"


class _Line(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        order = self.server.orders.get()
        if order is None:
            return      # the VM is gone
        body = order.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.answers.put((int(self.path.rpartition("?")[2]), body.decode("utf-8", "replace")))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Guest:
    """
    disks: {serial: path} in the order in which the VM shall see them; forwards: {port here: port there}; services: {address
    and port there: port here}. With share, the VM can mount this host's root by virtiofs, under the tag host; it
    is for looking at only.
    """

    def __init__(self, kernel, initramfs, disks, forwards, directory, log, memory=2048, services=None, share=False):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Line)
        self.server.daemon_threads = True
        self.server.orders = queue.Queue()
        self.server.answers = queue.Queue()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.qmp = os.path.join(directory, "qmp")
        append = f"blkcast.host={GATEWAY}:{self.server.server_address[1]}"
        argv = machine.command(kernel, initramfs, append, 2, [], ["-serial", "stdio", "-qmp", f"unix:{self.qmp},server=on,wait=off"],
                               memory)
        for index, (serial, path) in enumerate(disks.items()):
            # On a port of its own a disk can be pulled.
            argv += ["-device", f"pcie-root-port,id=port{index},chassis={index + 1}",
                     "-drive", f"file={path},if=none,id=d{index},format=raw,cache=unsafe,discard=unmap",
                     "-device", f"virtio-blk-pci,drive=d{index},serial={serial},id={serial},bus=port{index}"]
        net = "user,id=net" + "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for here, there in forwards.items())
        net += "".join(f",guestfwd=tcp:{there}-cmd:busybox nc 127.0.0.1 {here}" for there, here in (services or {}).items())
        self.virtiofsd = None
        if share:
            argv += self._share(os.path.join(directory, "virtiofs"), memory, log)
        argv += ["-netdev", net, "-device", "virtio-net-pci,netdev=net"]
        # It must not outlive this process, however that ends.
        self.qemu = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *argv], stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=subprocess.STDOUT)

    def _share(self, path, memory, log):
        if not os.path.exists(VIRTIOFSD):
            raise Missing(f"no {VIRTIOFSD}: apt-get install qemu-system-common")
        self.virtiofsd = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", VIRTIOFSD, f"--socket-path={path}", "-o",
                                           "source=/,cache=auto,sandbox=chroot"], stdout=log, stderr=subprocess.STDOUT)
        for _ in range(100):
            if os.path.exists(path):
                break
            time.sleep(0.1)
        return ["-object", f"memory-backend-memfd,id=memory,size={memory}M,share=on", "-numa", "node,memdev=memory",
                "-chardev", f"socket,id=virtiofs,path={path}", "-device", "vhost-user-fs-pci,chardev=virtiofs,tag=host"]

    def run(self, order, timeout=120, check=True):
        """Runs a shell script in the VM; its output. Failed if it exits with another status than 0."""
        self.server.orders.put(order)
        end = time.monotonic() + timeout
        while True:
            try:
                status, output = self.server.answers.get(timeout=1)
                break
            except queue.Empty:
                if self.qemu.poll() is not None:
                    raise Failed(f"the VM ended during: {order}") from None
                if time.monotonic() > end:
                    raise Failed(f"no answer within {timeout} s: {order}") from None
        if check and status:
            raise Failed(f"{order}\nexit status {status}\n{output}")
        return output

    def pull(self, serial):
        """Unplugs a disk, as an administrator of virtual machines does."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.qmp)
            with s.makefile("rw") as f:
                f.readline()
                for command in ({"execute": "qmp_capabilities"}, {"execute": "device_del", "arguments": {"id": serial}}):
                    f.write(json.dumps(command) + "\n")
                    f.flush()
                    while "event" in (answer := json.loads(f.readline())):
                        pass
                    if "error" in answer:
                        raise Failed(f"QEMU refuses {command}: {answer}")

    def cut(self):
        """As if the power went. Does nothing the second time."""
        if self.qemu.poll() is not None:
            return
        self.qemu.kill()
        self.qemu.wait()
        if self.virtiofsd:
            self.virtiofsd.kill()
            self.virtiofsd.wait()
        self.server.orders.put(None)
        self.server.shutdown()
        self.server.server_close()
