# SPDX-License-Identifier: GPL-2.0
"""The VM in which the exporter runs, and the line by which it takes orders."""

import http.server
import os
import queue
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "harness"))

import vm as machine

# How the VM sees the host's loopback, by QEMU's user-mode network.
GATEWAY = "10.0.2.2"


class Failed(Exception):
    """A step went wrong; the text says how."""


class _Line(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        order = self.server.orders.get()
        if order is None:
            self.send_error(503)
            return
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
    """disks: {serial: path} in the order in which the VM shall see them; forwards: {port here: port there}."""

    def __init__(self, kernel, initramfs, disks, forwards, log, memory=2048):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Line)
        self.server.daemon_threads = True
        self.server.orders = queue.Queue()
        self.server.answers = queue.Queue()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        append = f"blkcast.host={GATEWAY}:{self.server.server_address[1]}"
        argv = machine.command(kernel, initramfs, append, 2, [], ["-serial", "stdio"], memory)
        for index, (serial, path) in enumerate(disks.items()):
            argv += ["-drive", f"file={path},if=none,id=d{index},format=raw,cache=unsafe,discard=unmap",
                     "-device", f"virtio-blk-pci,drive=d{index},serial={serial}"]
        net = "user,id=net" + "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for here, there in forwards.items())
        argv += ["-netdev", net, "-device", "virtio-net-pci,netdev=net"]
        self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def run(self, order, timeout=120, check=True):
        """Runs a shell script in the VM; its output. Failed if it exits with another status than 0."""
        self.server.orders.put(order)
        waited = 0
        while True:
            try:
                status, output = self.server.answers.get(timeout=1)
                break
            except queue.Empty:
                waited += 1
                if self.qemu.poll() is not None:
                    raise Failed(f"the VM ended during: {order}") from None
                if waited > timeout:
                    raise Failed(f"no answer within {timeout} s: {order}") from None
        if check and status:
            raise Failed(f"{order}\nexit status {status}\n{output}")
        return output

    def cut(self):
        """As if the power went."""
        self.qemu.kill()
        self.qemu.wait()
        self.server.orders.put(None)
        self.server.shutdown()
        self.server.server_close()
