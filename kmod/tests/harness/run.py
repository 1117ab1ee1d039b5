#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Boots a kernel in QEMU and runs the tests in it. KTAP goes to stdout; a line per test and, last,
`N passed, N failed` close it. Exit status: 0 if none failed and at least one ran.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True

import build
import catalogue
import kernel as kernels
import klog
import vm as machine
from rotation import Rotation


class Terminated(Exception):
    """The run was told to end (SIGTERM)."""


def terminate(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)   # once is enough
    raise Terminated


class Run:
    """The queue of tests, which the VMs share, and what became of them."""

    def __init__(self, kernel, tests, archive, options):
        self.kernel, self.archive, self.options = kernel, archive, options
        self.queue = list(tests)
        self.results = {}       # name: (ok, skip reason or None, seconds)
        self.lock = threading.Lock()
        self.count = 0
        self.infrastructure = []
        self.totals = ""
        self.vms = set()

    def take(self):
        with self.lock:
            return self.queue.pop(0) if self.queue else None

    def report(self, name, about, ok, output, seconds, skip=None):
        with self.lock:
            self.count += 1
            self.results[name] = (ok, skip, seconds)
            show = output if (not ok or skip or self.options.verbose) else []
            for line in show:
                print(f"# {line}")
            print(f"{'ok' if ok else 'not ok'} {self.count} - {name}: {about}" + (f" # SKIP {skip}" if skip else ""), flush=True)

    def run_one(self, vm, test):
        """Runs test; returns whether the VM is fit for another."""
        timeout = test.timeout * self.kernel.slow
        output, log, begin = [], [], time.monotonic()
        status, leftovers, fit = None, 0, True
        try:
            vm.send(f"run {timeout} {test.program()}")
            for line in vm.reply("end ", timeout + 120 * self.kernel.slow):
                if line.startswith("|"):
                    output.append(line[1:])
                elif line.startswith("stuck"):
                    raise machine.Dead("what the test left behind cannot be killed")
                elif line.startswith("end "):
                    status, leftovers = map(int, line.split()[1:3])
            for line in vm.log_until(f"blkcast-test: reset {test.program()}", 30):
                log.append(line)
        except machine.Dead as e:
            output.append(str(e))
            fit = False
            log += vm.drain(5)
        trouble = klog.excerpt(log)
        if trouble:
            output += ["kernel log:"] + ["  " + line for line in trouble]
        elif not fit:
            output += ["end of the kernel log:"] + ["  " + line for line in log[-60:]]
        ok = fit and status in (0, 4) and not leftovers and not trouble
        if fit and status not in (0, 4):
            output.append(f"exit status {status}" if status >= 0 else f"killed by signal {-status}")
        skip = (output[-1] if output else "no reason given") if ok and status == 4 else None
        self.report(test.name, test.about, ok, output, time.monotonic() - begin, skip)
        return fit and not leftovers and not trouble

    def finish(self, vm):
        """After the last test: the modules go without a trace."""
        name, about = "harness/finish", "the modules unload and leave no memory behind"
        output, log, bad, begin = [], [], 1, time.monotonic()
        try:
            vm.send("finish")
            for line in vm.reply("end ", 120 * self.kernel.slow):
                if line.startswith("|"):
                    output.append(line[1:])
                else:
                    bad = int(line.split()[1])
            log = list(vm.log_until("blkcast-test: reset finish", 30))
        except machine.Dead as e:
            output.append(str(e))
            log = vm.drain(5)
        trouble = klog.excerpt(log)
        output += ["  " + line for line in trouble]
        if bad or trouble:
            self.report(name, about, False, output, time.monotonic() - begin)
        elif name not in self.results:
            self.report(name, about, True, output, time.monotonic() - begin)

    def check_sources(self):
        """What needs no VM."""
        missing = catalogue.faults_without_test(catalogue.read(build.TESTS))
        self.report("harness/faults", "each of the series' known faults has a test that names it", not missing,
                    [f"no test names fault {n}" for n in missing], 0)
        page = os.path.join(build.KMOD, "tools", "blksnapctl.8")
        try:
            lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
            self.report("harness/manual", "the manual page has no fault that mandoc finds", lint.returncode == 0,
                        lint.stdout.splitlines(), 0)
        except FileNotFoundError:
            self.report("harness/manual", "the manual page has no fault that mandoc finds", True, [], 0, "no mandoc")

    def boot(self, log, index):
        # To look for leaks halves the speed of the sanitizer kernel: the first VM does it for all.
        leaks = "kmemleak=off" if index and self.kernel.name == "sanitizer" else ""
        vm = machine.VM(self.kernel, self.archive, self.options.smp, log, self.options.bench, leaks)
        self.vms.add(vm)
        try:
            for line in vm.reply("hello ", machine.BOOT_S):
                if line.startswith("|"):
                    print(f"# {line[1:]}", flush=True)
        except machine.Dead as e:
            tail = vm.drain(2)[-40:]
            vm.close()
            raise machine.Dead(f"the VM does not come up: {e}\n" + "\n".join(tail)) from e
        log = vm.drain(0.1)
        start = next((n for n, line in enumerate(log) if "blkcast-test: modules" in line), 0)
        for line in klog.excerpt(log[:start]):
            print(f"# before the modules were there: {line}", flush=True)
        trouble = klog.excerpt(log[start:])
        if trouble:
            self.report("harness/boot", "the modules load without a complaint", False, trouble, 0)
        return vm

    def worker(self, index):
        path = os.path.join(build.BUILD, "tests", f"console-{self.kernel.name}-{index}.log")
        with open(path, "wb", buffering=0) as log:
            vm, fit = None, True
            try:
                while True:
                    test = self.take()
                    if not test:
                        break
                    if vm is None:
                        vm = self.boot(log, index)
                    fit = self.run_one(vm, test)
                    if not fit:
                        vm.close()
                        vm = None
                if vm is not None and self.options.modules:
                    self.finish(vm)
            except machine.Dead as e:
                with self.lock:
                    self.infrastructure.append(str(e))
                    self.queue.clear()
            finally:
                if vm is not None:
                    vm.close()

    def run(self):
        extra = 1 if self.options.modules else 0
        sources = self.options.modules and not self.options.tests
        print(f"KTAP version 1\n1..{len(self.queue) + extra + 2 * sources}", flush=True)
        if sources:
            self.check_sources()
        planned = {t.name: t.about for t in self.queue}
        jobs = max(1, min(self.options.jobs, len(self.queue)))
        threads = [threading.Thread(target=self.worker, args=(i,), daemon=True) for i in range(jobs)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except Terminated:
            self.infrastructure.append("terminated before it was over")
            self.queue.clear()
            for vm in list(self.vms):
                vm.kill()       # the tests that run fail of it
            for thread in threads:
                thread.join(60)
        for name, about in planned.items():
            if name not in self.results:
                self.report(name, about, False, self.infrastructure or ["not run"], 0)
                self.infrastructure = []

    def close(self):
        for vm in self.vms:
            vm.close()

    def summary(self):
        print()
        for name, (ok, skip, seconds) in sorted(self.results.items()):
            word = "SKIP" if skip else "pass" if ok else "FAIL"
            print(f"{word} {name} ({seconds:.1f} s)" + (f": {skip}" if skip else ""))
        failed = sum(not ok for ok, _, _ in self.results.values())
        skipped = sum(bool(skip) for _, skip, _ in self.results.values())
        passed = len(self.results) - failed - skipped
        if skipped:
            print(f"{skipped} skipped")
        self.totals = f"{passed} passed, {failed} failed"
        print(self.totals, flush=True)
        return failed == 0 and passed > 0


def shell(kernel, archive, options):
    import tempfile
    with tempfile.TemporaryDirectory(prefix="blkcast-vm-") as directory:
        argv = machine.command(kernel, archive, "shell=1", options.smp, machine.make_disks(directory),
                               ["-serial", "mon:stdio"])
        return subprocess.run(argv).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", default="6.12", help="6.1, 6.12 or sanitizer")
    parser.add_argument("--sanitizer-kernel", default="", help="a ready sanitizer kernel: tarball or directory")
    parser.add_argument("--smp", type=int, default=2, help="CPUs of a VM")
    parser.add_argument("--jobs", type=int, default=1, help="VMs at a time")
    parser.add_argument("--long", action="store_true", help="the long tests")
    parser.add_argument("--selftest", action="store_true", help="the tests of the harness itself")
    parser.add_argument("--rotate", action="store_true",
                        help="half of the tests, by commit, if all passed on this kmod/ before: see rotation.py")
    parser.add_argument("--shell", action="store_true", help="a shell in the VM, no tests")
    parser.add_argument("--bench", action="store_true", help="measurements, on one CPU whose clock counts instructions")
    parser.add_argument("--verbose", action="store_true", help="show the output of passed tests too")
    parser.add_argument("--tool", action="append", default=[], help="a command of the host that the VM shall have")
    parser.add_argument("--list", action="store_true", help="list the tests and exit")
    parser.add_argument("tests", nargs="*", help="group/name, globs allowed; a group's name alone is all of it")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, terminate)
    options.modules = not options.selftest
    if options.bench:
        options.smp, options.jobs, options.verbose = 1, 1, True
    tests = catalogue.read(build.TESTS, {"selftest"} if options.selftest else {"bench"} if options.bench else None)
    if options.list:
        for test in tests:
            print(f"{test.name}: {test.about}" + (f" (long: {' '.join(test.long)})" if test.long else ""))
        missing = catalogue.faults_without_test(tests)
        print(f"faults without a test: {' '.join(map(str, missing)) if missing else 'none'}")
        return 1 if missing else 0
    try:
        kernel = kernels.find(options.kernel, options.sanitizer_kernel, build.BUILD)
        if options.bench:
            kernel.memory *= 2      # a storage in memory takes a quarter of what is available ahead
        chosen = catalogue.choose(tests, [p for p in options.tests if p != "*"], options.kernel, options.long)
        if not chosen and not options.shell:
            sys.exit(f"no test is called {' '.join(options.tests)} (for kernel {options.kernel}); --list shows them")
        rotation, suite = Rotation(), f"check {options.kernel}"
        if options.rotate:
            share = rotation.share(suite, options.kernel)
            half = share.of(sorted(tests, key=lambda t: (-t.timeout, t.name)))
            chosen = [t for t in chosen if t in half]
            print(f"# {share.reason}", flush=True)
        # What has to have run for the record.
        whole = {t.name for t in catalogue.choose(tests, [], options.kernel, False)} if options.modules else None
        tree = rotation.tree()
        print(f"# kernel {kernel.release}, {len(chosen)} tests", file=sys.stderr)
        archive = build.prepare(kernel, chosen, options.modules, options.tool)
    except kernels.Missing as e:
        sys.exit(f"error: {e}")
    try:
        if options.shell:
            return shell(kernel, archive, options)
        run = Run(kernel, chosen, archive, options)
        try:
            run.run()
            passed = run.summary()
            if passed and not options.bench and whole == {t.name for t in chosen}:
                print(f"# {rotation.record(suite, tree, run.totals)}", file=sys.stderr)
            return 0 if passed else 1
        finally:
            run.close()
    finally:
        os.unlink(archive)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Terminated:
        sys.exit("terminated")
