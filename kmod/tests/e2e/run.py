#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
The whole path on the kernel module: an exporter in a VM tracks ext4 and xfs volumes under load; a broker and
replicators outside. After every mishap the replica has to equal the snapshot: by digest, fsck and file.
A line per step and contract test; the last is `N passed, N failed`.
"""

import argparse
import os
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))

import app
import build
import kernel as kernels
from proof import Failed
from rotation import Rotation
from scene import Scene
from steps import STEPS

# CI's suite, shared between two kernels: what the one is spared the other does. Each half boots and takes a baseline of its own,
# so that every commit shows the whole path on both kernels; the halves of a kernel take about as long.
HALVES = {
    "6.1": (("server", "baseline", "broker", "power"), ("baseline", "overflow", "wrap")),
    "6.12": (("contract", "baseline"), ("baseline", "load", "kill", "removal")),
}


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def line(self, good, text):
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        print(f"{'ok' if good else 'not ok'} {self.passed + self.failed} - {text}", flush=True)


def run_steps(scene, names, report):
    for index, name in enumerate(names):
        begin = time.monotonic()
        try:
            for test in STEPS[name](scene) or ():
                report.line(test.startswith("ok "), f"{name}: {test.partition('ok ')[2]}")
        except Failed as e:
            print("\n".join("# " + line for line in str(e).splitlines()))
            report.line(False, f"{name}: {STEPS[name].__doc__.strip()}")
            for skipped in names[index + 1:]:   # they stand on it
                report.line(False, f"{skipped}: not run")
            return
        report.line(True, f"{name}: {' '.join(STEPS[name].__doc__.split())} ({time.monotonic() - begin:.0f} s)")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", default="6.12", help="6.1 or 6.12")
    parser.add_argument("--steps", default=" ".join(STEPS),
                        help="which, in their order; all but contract, server, quickstart and service need baseline before")
    parser.add_argument("--rotate", action="store_true",
                        help="CI's steps on this kernel: half of them, by commit, if all passed on this kmod/ before")
    parser.add_argument("--rounds", type=int, default=1, help="how often load, kill, broker, overflow and wrap are repeated")
    options = parser.parse_args()
    if os.geteuid():
        sys.exit("error: replicas are mounted to be looked at: run as root")
    os.makedirs(os.path.join(build.BUILD, "tests"), exist_ok=True)
    log_path = os.path.join(build.BUILD, "tests", f"e2e-{options.kernel}.log")
    repeated = ("load", "kill", "broker", "overflow", "wrap")
    rotation, suite = Rotation(), f"e2e {options.kernel}"
    halves = HALVES.get(options.kernel, ())
    whole = [name for name in STEPS if any(name in half for half in halves)]
    names = options.steps.split()
    if options.rotate:
        if not halves:
            sys.exit(f"error: CI has no steps for kernel {options.kernel}, only for {' and '.join(HALVES)}")
        share = rotation.share(suite, options.kernel)
        names = whole if share.half is None else list(halves[share.half])
        print(f"# {share.reason}\n# {' '.join(names)}", flush=True)
    tree = rotation.tree()
    for name in names:
        if name not in STEPS:
            sys.exit(f"error: no step {name}; there are {', '.join(STEPS)}")
    first = [n for n in names if n in ("contract", "server", "baseline")]
    last = [n for n in names if n in ("removal", "power", "quickstart", "service")]
    names = first + [n for n in names if n in repeated] * options.rounds + last
    report = Report()
    with tempfile.TemporaryDirectory(prefix="blkcast-e2e-") as directory, open(log_path, "wb", buffering=0) as log:
        try:
            kernel = kernels.find(options.kernel, "", build.BUILD)
            archive = app.archive(kernel, directory)
            app.make(os.path.join(directory, "app.img"), directory)
            scene = Scene(kernel, archive, directory, log)
        except kernels.Missing as e:
            sys.exit(f"error: {e}")
        try:
            scene.broker.start()
            scene.boot(fresh=True)
            run_steps(scene, names, report)
        except Failed as e:
            print("\n".join("# " + line for line in str(e).splitlines()))
            report.line(False, "boot of the VM and start of the broker")
        finally:
            scene.close()
    if report.failed:
        print(f"# the VM's console, the exporter's and the broker's log: {log_path}")
    totals = f"{report.passed} passed, {report.failed} failed"
    if not report.failed and whole and set(whole) <= set(names):
        print(f"# {rotation.record(suite, tree, totals)}")
    print(totals)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
