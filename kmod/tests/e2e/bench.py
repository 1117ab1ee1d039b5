#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What an export costs in a VM, as ratios from one run; see ModuleBench among the exporter's tests."""

import argparse
import os
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))

import app
import build
import kernel as kernels
from guest import Guest
from proof import Failed
from scene import TESTS_JAVA

# Larger than the caches of the host's processor, small enough for an emulated one.
DISK_MB = 256
BENCHMARKS = {
    "read": ("/dev/vda", f"dd if=/dev/urandom of=/dev/vda bs=1M count={DISK_MB} oflag=direct"),
    "release": ("/dev/vda", "true"),
    "sparse": ("/dev/loop0", "dd if=/dev/zero of=/dev/shm/sparse bs=1 count=0 seek=1024G && losetup /dev/loop0 /dev/shm/sparse"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", default="6.12", help="6.1 or 6.12")
    options = parser.parse_args()
    log_path = os.path.join(build.BUILD, "tests", f"e2e-bench-{options.kernel}.log")
    os.makedirs(os.path.dirname(log_path), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="blkcast-e2e-") as directory, open(log_path, "wb", buffering=0) as log:
        try:
            kernel = kernels.find(options.kernel, "", build.BUILD)
            archive = app.archive(kernel, directory)
            disks = {"bench": os.path.join(directory, "bench"), "app": os.path.join(directory, "app.img")}
            app.make(disks["app"], directory)
        except kernels.Missing as e:
            sys.exit(f"error: {e}")
        with open(disks["bench"], "wb") as f:
            f.truncate(DISK_MB << 20)
        guest = Guest(kernel, archive, disks, {}, directory, log, memory=3072)
        try:
            for name, (device, prepare) in BENCHMARKS.items():
                output = guest.run(f"{{ {prepare}; }} >/dev/console 2>&1 && export PATH=/mnt/app/bin:$PATH && "
                                   f"{TESTS_JAVA} io.blkcast.exporter.increment.ModuleBench {name} {device}", 1200)
                print("\n".join(line for line in output.splitlines() if line.startswith(name)), flush=True)
        except Failed as e:
            sys.exit(f"error: {e}\nlog: {log_path}")
        finally:
            guest.cut()


if __name__ == "__main__":
    main()
