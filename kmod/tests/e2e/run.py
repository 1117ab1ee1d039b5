#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
The whole path on the kernel module: an exporter in a VM tracks ext4 and xfs volumes under load; a broker and
replicators outside. After every mishap the replica has to equal the snapshot: by digest, fsck and file.
A line per step; the last is `N passed, N failed`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "harness"))

import host
import initramfs
import kernel as kernels
from guest import GATEWAY, Failed, Guest

MODULES = ["virtio_net"]
# Volumes by name: device in the VM, MiB, filesystem. The first two are one group.
VOLUMES = {"ext4": ("vda", 192, "ext4"), "xfs": ("vdb", 320, "xfs"), "small": ("vdc", 32, None)}
MOUNTED = [name for name, (_, _, kind) in VOLUMES.items() if kind]
EXPORTER = ("LD_LIBRARY_PATH=/mnt/app/native /mnt/app/jre/bin/java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "
            "-Djava.io.tmpdir=/tmp -cp '/mnt/app/lib/*' io.blkcast.exporter.cli.Main")


def make_repository(path, commits=24):
    """A git repository whose commits rewrite most of a few hundred files."""
    host.run("git", "init", "-q", path)
    for commit in range(commits):
        for index in range(200):
            directory = os.path.join(path, f"d{index % 10}")
            os.makedirs(directory, exist_ok=True)
            if (index + commit) % 3:
                with open(os.path.join(directory, f"f{index}"), "w") as f:
                    f.write(f"{index} {commit} {index * 2654435761 % 2**32:x}\n" * (40 + index))
        host.run("git", "-C", path, "add", "-A")
        host.run("git", "-C", path, "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-qm",
                 f"commit {commit}")


class Scene:
    """The VM, the broker and the replicas, and what the steps do with them."""

    def __init__(self, kernel, archive, directory, log):
        self.kernel, self.archive, self.log = kernel, archive, log
        self.directory = directory
        self.disks = {}
        for name, (_, size, _) in VOLUMES.items():
            self.disks[name] = os.path.join(directory, name)
            with open(self.disks[name], "wb") as f:
                f.truncate(size << 20)
        self.disks["app"] = os.path.join(directory, "app.img")
        self.broker = host.Broker(directory, log)
        self.replicas = {name: host.Replica(name, directory, self.broker) for name in VOLUMES}
        self.guest = self.api = None
        self.limit = "96MiB"

    # The VM and what runs in it.

    def boot(self, fresh):
        here, management = host.free_port(), host.free_port()
        self.guest = Guest(self.kernel, self.archive, self.disks, {here: 8080, management: 8081}, self.log)
        self.api = host.Api(here, management)
        for name in MOUNTED:
            device, _, kind = VOLUMES[name]
            if fresh:
                self.guest.run(f"mkfs.{kind} -q /dev/{device}", 300)
            self.mount(name)

    def mount(self, name):
        device, _, kind = VOLUMES[name]
        self.guest.run(f"mkdir -p /data/{name}; mount -t {kind} -o noatime /dev/{device} /data/{name}")

    def start_exporter(self, volumes=tuple(VOLUMES)):
        lines = [f"kafka: {{bootstrap.servers: \"{GATEWAY}:{self.broker.vm}\"}}", "http: {listen: \"0.0.0.0:8080\"}",
                 "management: {listen: \"0.0.0.0:8081\"}", "state: /var/lib/blkcast", "volumes:"]
        for name in volumes:
            device, _, kind = VOLUMES[name]
            lines += [f"  - name: {name}", "    source: blksnap", f"    device: /dev/{device}",
                      f"    differenceStorage: {{path: /var/tmp, limit: {self.limit}}}"]
            lines += ["    group: mounted"] if kind else []
        self.guest.run("cat >/var/lib/blkcast/exporter.yaml <<'END'\n" + "\n".join(lines) + "\nEND\n"
                       f"{EXPORTER} run --config /var/lib/blkcast/exporter.yaml >>/dev/console 2>&1 </dev/null &\n"
                       "echo $! >/run/exporter.pid")
        self.api.wait_ready(240)

    def kill_exporter(self):
        self.guest.run("kill -9 $(cat /run/exporter.pid); while kill -0 $(cat /run/exporter.pid) 2>/dev/null; do sleep 0.1; done")

    def stop_exporter(self):
        self.guest.run("kill $(cat /run/exporter.pid); while kill -0 $(cat /run/exporter.pid) 2>/dev/null; do sleep 0.2; done", 60)

    def start_load(self):
        self.guest.run("""
            (fio --name=load --directory=/data/ext4 --rw=randwrite --bs=4k --size=24m --ioengine=psync --fsync=64 \\
                --time_based --runtime=100000 --rate=1m >/dev/null 2>&1 </dev/null &)
            [ -d /data/xfs/tree ] || git clone -q /mnt/app/repository /data/xfs/tree
            cat >/tmp/load.sh <<'END'
cd /data/xfs/tree
while :; do for c in $(git rev-list --all); do git checkout -qf $c; done; done
END
            (sh /tmp/load.sh >/dev/null 2>&1 </dev/null &)
            """)

    def stop_load(self):
        self.guest.run("""
            pkill -9 -f load.sh; pkill -9 fio; pkill -9 git
            while pgrep fio || pgrep git; do sleep 0.1; done
            rm -f /data/xfs/tree/.git/index.lock
            sync""", check=False)

    # Proofs.

    def prove_mounted(self):
        """With the load stopped and the filesystems mounted: files, fsck, and the records alone."""
        self.stop_load()
        wanted = {name: self.guest.run(f"cd /data/{name} && find . -type f -exec sha256sum {{}} + | sort -k 2", 300)
                  for name in MOUNTED}
        self.api.increment(MOUNTED[0])
        for name in MOUNTED:
            replica, kind = self.replicas[name], VOLUMES[name][2]
            replica.catch_up()
            replica.verify()
            replica.check_filesystem(kind)
            if replica.files(kind).split() != wanted[name].split():
                raise Failed(f"files of the replica of {name} are not those of the source")

    def prove_unmounted(self, names=tuple(MOUNTED)):
        """With nothing mounted the source stands still: its digest is the snapshot's."""
        for name in names:
            device, _, kind = VOLUMES[name]
            if kind:
                self.stop_load()
                self.guest.run(f"umount /data/{name}")
            self.guest.run("sync")
        for name in names:
            self.api.increment(name)
        for name in names:
            device, _, kind = VOLUMES[name]
            self.replicas[name].catch_up()
            source = self.guest.run(f"sha256sum /dev/{device}", 300).split()[0]
            if source != self.replicas[name].digest():
                raise Failed(f"the replica of {name} differs from the source")
            if kind:
                self.mount(name)

    # Steps.

    def step_baseline(self):
        """the first increment of each volume is the whole volume, and the replica equals it"""
        self.boot(fresh=True)
        self.start_exporter()
        for name in VOLUMES:
            kind = self.api.increment(name)["kind"]
            if kind != "BASELINE" and name not in MOUNTED[1:]:
                raise Failed(f"{name}: the first increment is a {kind}")
        self.prove_unmounted(tuple(VOLUMES))

    def step_load(self):
        """increments of mounted filesystems under load, then files, fsck and records agree"""
        self.start_load()
        for _ in range(6):
            committed = self.api.increment(MOUNTED[0])
            if committed["kind"] != "DELTA":
                raise Failed(f"not a delta: {committed}")
            for name in MOUNTED:
                self.replicas[name].catch_up()
                self.replicas[name].check_filesystem(VOLUMES[name][2])
        self.prove_mounted()

    def step_kill(self):
        """kill -9 of the exporter in the middle of an increment loses nothing"""
        self.start_load()
        for pause in (0.2, 1.0):
            self.api.start_increment(MOUNTED[0])
            time.sleep(pause)
            self.kill_exporter()
            self.start_exporter()
        if self.api.increment(MOUNTED[0])["kind"] != "DELTA":
            raise Failed("the history of changes was lost with the exporter, though the module kept it")
        self.prove_mounted()

    def step_broker(self):
        """a broker that dies in the middle of an increment and comes back loses nothing"""
        self.start_load()
        self.api.start_increment(MOUNTED[0])
        self.broker.kill()
        time.sleep(3)
        self.broker.start()
        self.api.wait_ready(120)
        self.prove_mounted()

    def step_overflow(self):
        """a difference storage that overflows aborts the increment, harms nobody, and is made up for"""
        self.stop_exporter()
        self.limit = "2MiB"
        self.start_exporter()
        self.guest.run("""
            (fio --name=flood --directory=/data/ext4 --rw=randwrite --bs=64k --size=48m --direct=1 --time_based \\
                --runtime=100000 >/dev/null 2>&1 </dev/null &)""")
        self.api._call("POST", f"/{MOUNTED[0]}/resync", 30)
        end = time.monotonic() + 120
        while not any(a["outcome"] == "ABORTED" for a in self.api.increments(MOUNTED[0])):
            if time.monotonic() > end:
                raise Failed(f"nothing was aborted: {self.api.increments(MOUNTED[0])}")
            time.sleep(1)
        self.stop_exporter()
        self.limit = "96MiB"
        self.start_exporter()
        self.prove_mounted()

    def step_removal(self):
        """a disk that is pulled is reported, and the other volumes go on"""
        device = VOLUMES["small"][0]
        self.guest.run(f"echo 1 >$(readlink -f /sys/block/{device}/device/..)/remove")
        self.api.start_increment("small")
        end = time.monotonic() + 60
        while "lastError" not in self.api.volume("small")["progress"]:
            if time.monotonic() > end:
                raise Failed(f"the loss is not reported: {self.api.volume('small')}")
            time.sleep(1)
        self.prove_mounted()

    def step_power(self):
        """after a power cut the exporter takes a baseline by itself, and the replica equals it"""
        self.start_load()
        self.api.start_increment(MOUNTED[0])
        time.sleep(2)
        self.guest.cut()
        self.boot(fresh=False)
        self.start_exporter()
        self.api.increment(MOUNTED[0])
        self.prove_mounted()
        self.prove_unmounted(tuple(VOLUMES))

    def step_wrap(self, rounds=300):
        """300 increments in a row, across the end of the module's changes numbers, are deltas all"""
        device, size, _ = VOLUMES["small"]
        before = self.api.increment("small")["chainLength"]
        self.guest.run(f"""
            i=0
            while [ $i -lt {rounds} ]; do
                dd if=/dev/urandom of=/dev/{device} bs=4k count=1 seek=$((i * 7919 % {size * 256})) conv=notrunc,fsync 2>/dev/null
                LD_LIBRARY_PATH= wget -q -O /tmp/committed --post-data= 'http://127.0.0.1:8080/api/v1/volumes/small/increments?wait=true' || exit 1
                grep -q '"DELTA"' /tmp/committed || {{ cat /tmp/committed; exit 1; }}
                i=$((i + 1))
            done""", 900)
        chain = self.api.increment("small")["chainLength"]
        if chain < before + rounds:
            raise Failed(f"the chain grew from {before} to {chain} only")
        self.prove_unmounted(("small",))

    def close(self):
        if self.guest:
            self.guest.cut()
        self.broker.kill()


STEPS = ["baseline", "load", "kill", "broker", "overflow", "wrap", "removal", "power"]


def build_archive(kernel, directory):
    done = subprocess.run(["make", "-C", os.path.join(host.ROOT, "kmod"), "--no-print-directory", f"KDIR={kernel.kdir}",
                           "modules"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Failed(done.stdout)
    own = [os.path.join(base, name) for base, _, names in os.walk(os.path.join(host.BUILD, kernel.release))
           for name in names if name in ("blkfilter.ko", "blksnap.ko")]
    initramfs.MODULES += MODULES
    archive = os.path.join(directory, "initramfs.cpio")
    initramfs.build(archive, kernel, own, os.path.join(HERE, "init"), {"bin/git": "/usr/bin/git"}, {})
    return archive


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", default="6.12", help="6.1 or 6.12")
    parser.add_argument("--steps", default=",".join(STEPS), help="which, in their order; baseline has to be the first")
    parser.add_argument("--rounds", type=int, default=1, help="how often the steps after the baseline are repeated")
    options = parser.parse_args()
    os.makedirs(os.path.join(host.BUILD, "tests"), exist_ok=True)
    log_path = os.path.join(host.BUILD, "tests", f"e2e-{options.kernel}.log")
    results = []
    steps = options.steps.split(",")
    steps = steps[:1] + steps[1:] * options.rounds
    with tempfile.TemporaryDirectory(prefix="blkcast-e2e-") as directory, open(log_path, "wb", buffering=0) as log:
        try:
            kernel = kernels.find(options.kernel, "", host.BUILD)
            archive = build_archive(kernel, directory)
            make_repository(os.path.join(directory, "repository"))
            host.app_disk(os.path.join(directory, "app.img"), directory)
            scene = Scene(kernel, archive, directory, log)
        except kernels.Missing as e:
            sys.exit(f"error: {e}")
        try:
            scene.broker.start()
            for name in steps:
                step, begin = getattr(scene, f"step_{name}"), time.monotonic()
                try:
                    step()
                    results.append(True)
                except Failed as e:
                    results.append(False)
                    print("\n".join("# " + line for line in str(e).splitlines()))
                print(f"{'ok' if results[-1] else 'not ok'} {len(results)} - {name}: {step.__doc__} "
                      f"({time.monotonic() - begin:.0f} s)", flush=True)
                if not results[-1]:
                    break   # what follows stands on it
        finally:
            scene.close()
    failed = len(steps) - sum(results)
    if failed:
        print(f"# the VM's console, the exporter's and the broker's log: {log_path}")
    print(f"{sum(results)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
