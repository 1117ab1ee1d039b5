# SPDX-License-Identifier: GPL-2.0
"""One VM, of QEMU or User-Mode Linux: its console (the kernel's log) and the line to the agent in it."""

import os
import selectors
import shutil
import socket
import subprocess
import tempfile
import time

from kernel import Missing

DISKS_MB = [512, 512, 256]      # vda, vdb, vdc
BOOT_S = 900


class Dead(Exception):
    """The VM is gone or does not answer any more."""


def command(kernel, initramfs, append, smp, disks, serials, memory=None, icount=False):
    qemu = shutil.which("qemu-system-x86_64")
    if not qemu:
        raise Missing("no qemu-system-x86_64: apt-get install qemu-system-x86")
    # no_timer_check: on a busy host the kernel may find its timer dead while it boots, and panic.
    # One thread for all CPUs: with several, QEMU 7.2 corrupts the patching of kernel text.
    argv = [qemu, "-M", "q35", "-accel", "tcg,thread=single", "-cpu", "max", "-smp", str(smp), "-m",
            str(memory or kernel.memory), "-display", "none", "-vga", "none", "-no-reboot", "-nodefaults",
            "-kernel", kernel.image, "-initrd", initramfs, "-append",
            "console=ttyS0 quiet panic=-1 oops=panic no_timer_check rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60 "
            "workqueue.watchdog_thresh=120 " + append]
    if icount:  # a nanosecond of the VM is an instruction
        argv += ["-icount", "shift=0,sleep=off"]
    for index, disk in enumerate(disks):
        argv += ["-drive", f"file={disk},if=none,id=d{index},format=raw,cache=unsafe,discard=unmap,detect-zeroes=off",
                 "-device", f"virtio-blk-pci,drive=d{index},serial=disk{index}"]
    return argv + serials


def uml_command(kernel, initramfs, append, disks, agent):
    """The agent's line, /dev/ttyS1, is on the file descriptor agent."""
    return [kernel.image, f"mem={kernel.memory}M", f"initrd={initramfs}", "con0=fd:0,fd:1", "con=null", "ssl=null",
            f"ssl1=fd:{agent},fd:{agent}", "quiet", "panic=-1", "oops=panic", *append.split(),
            *(f"ubd{index}={disk}" for index, disk in enumerate(disks))]


def make_disks(directory):
    paths = []
    for index, size in enumerate(DISKS_MB):
        paths.append(os.path.join(directory, f"disk{index}"))
        with open(paths[-1], "wb") as f:
            f.truncate(size << 20)
    return paths


class VM:
    def __init__(self, kernel, initramfs, smp, log, icount=False, append=""):
        """log: where the console goes, a file open for writing bytes; append: for the kernel's command line."""
        self.log = log
        self.console = []       # lines not yet fetched
        self.replies = []
        self._parts = {}
        self.dir = tempfile.mkdtemp(prefix="blkcast-vm-")
        self.selector = selectors.DefaultSelector()
        # What the kernel does not know becomes environment of the agent, and so of the tests.
        given = " ".join([append] + [f"{name}={os.environ[name]}" for name in ("SEED", "STEPS") if os.environ.get(name, "").isalnum()])
        self.icount = icount
        start = self._start_uml if kernel.name == "uml" else self._start_qemu
        start(kernel, initramfs, given, smp)
        os.set_blocking(self.qemu.stdout.fileno(), False)
        self.selector.register(self.qemu.stdout.fileno(), selectors.EVENT_READ, self.console)
        self.agent.setblocking(False)
        self.selector.register(self.agent.fileno(), selectors.EVENT_READ, self.replies)

    def _popen(self, argv, **more):
        # It must not outlive this process, however that ends.
        argv = ["setpriv", "--pdeathsig", "KILL", *argv]
        self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)

    def _start_uml(self, kernel, initramfs, append, smp):
        self.agent, inside = socket.socketpair()
        self._popen(uml_command(kernel, initramfs, append, make_disks(self.dir), inside.fileno()),
                    pass_fds=[inside.fileno()], start_new_session=True)
        inside.close()

    def _start_qemu(self, kernel, initramfs, append, smp):
        path = os.path.join(self.dir, "agent")
        self._popen(command(kernel, initramfs, append, smp, make_disks(self.dir), [
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-chardev", f"socket,id=agent,path={path},server=on,wait=off", "-serial", "chardev:agent"], icount=self.icount))
        self.agent = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                self.agent.connect(path)
                break
            except OSError:
                if self.qemu.poll() is not None:
                    break
                time.sleep(0.05)
        else:
            raise Dead("QEMU does not open its sockets")

    def _pump(self, timeout):
        for key, _ in self.selector.select(timeout):
            try:
                data = os.read(key.fd, 65536)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                self.selector.unregister(key.fd)
                continue
            if key.data is self.console:
                self.log.write(data)
            text = self._parts.get(key.fd, "") + data.decode("utf-8", "replace").replace("\r", "")
            *lines, self._parts[key.fd] = text.split("\n")
            key.data.extend(lines)

    def _wait(self, lines, wanted, timeout):
        """Yields lines until wanted(line), which is the last; Dead when the VM ends or the time is over."""
        end = time.monotonic() + timeout
        while True:
            while lines:
                line = lines.pop(0)
                yield line
                if wanted(line):
                    return
            if self.qemu.poll() is not None and len(self.selector.get_map()) == 0:
                raise Dead("the kernel crashed")
            left = end - time.monotonic()
            if left <= 0:
                raise Dead(f"no answer for {timeout:.0f} s")
            if self.selector.get_map():
                self._pump(min(left, 1.0))
            else:
                time.sleep(0.05)

    def send(self, line):
        try:
            self.agent.setblocking(True)
            self.agent.sendall(line.encode() + b"\n")
        except OSError as e:
            raise Dead("the kernel crashed") from e
        finally:
            self.agent.setblocking(False)

    def reply(self, word, timeout):
        """Lines from the agent until one that begins with word."""
        return self._wait(self.replies, lambda line: line.startswith(word), timeout)

    def log_until(self, mark, timeout):
        return self._wait(self.console, lambda line: mark in line, timeout)

    def drain(self, seconds):
        """What else the console says within that time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.selector.get_map():
            self._pump(0.2)
        lines, self.console[:] = list(self.console), []
        return lines

    def kill(self):
        if self.qemu.poll() is None:
            self.qemu.kill()

    def close(self):
        self.kill()
        self.qemu.wait()
        self.qemu.stdout.close()
        self.agent.close()
        shutil.rmtree(self.dir, ignore_errors=True)
