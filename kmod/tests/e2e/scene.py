# SPDX-License-Identifier: GPL-2.0
"""The VM, the broker and the replicas, and what the steps do with them."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "harness"))

import host
import klog
import proof
from guest import GATEWAY, Guest
from proof import Failed

# Volumes by name: device in the VM, MiB, filesystem, limit of the difference storage. The mounted ones are a group.
# An xfs of less than 300 MiB is refused by mkfs. The raw one is small, for many increments, and its storage too small for a flood.
VOLUMES = {"ext4": ("vda", 96, "ext4", "64MiB"), "xfs": ("vdb", 304, "xfs", "64MiB"), "raw": ("vdc", 16, None, "1MiB")}
MOUNTED = ("ext4", "xfs")
JAVA = "LD_LIBRARY_PATH=/mnt/app/native /mnt/app/jre/bin/java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.io.tmpdir=/tmp"
TESTS_JAVA = f"{JAVA} -Xmx512m -cp '/mnt/app/test-classes:/mnt/app/contract-lib/*:/mnt/app/lib/*'"
EXPORTER = f"{JAVA} -Xmx256m -cp '/mnt/app/lib/*' io.blkcast.cli.Main run --config /run/exporter.yaml"
END_OF_EXPORTER = "while kill -0 $(cat /run/exporter.pid) 2>/dev/null; do sleep 0.1; done"


class Scene:
    def __init__(self, kernel, archive, directory, log):
        self.kernel, self.archive, self.directory, self.log = kernel, archive, directory, log
        self.disks = {}
        for name, (_, size, _, _) in VOLUMES.items():
            self.disks[name] = os.path.join(directory, name)
            with open(self.disks[name], "wb") as f:
                f.truncate(size << 20)
        self.disks["app"] = os.path.join(directory, "app.img")
        self.broker = host.Broker(directory, log)
        self.replicas = {name: host.Replica(name, directory, self.broker, log) for name in VOLUMES}
        self.guest = self.api = None

    # The VM and what runs in it.

    def boot(self, fresh):
        here, management = host.free_port(), host.free_port()
        self.guest = Guest(self.kernel, self.archive, self.disks, {here: 8080, management: 8081}, self.directory, self.log)
        self.api = host.Api(here, management)
        for name in MOUNTED:
            device, _, kind, _ = VOLUMES[name]
            if fresh:
                self.guest.run(f"mkfs.{kind} -q /dev/{device}", 300)
            self.mount(name)
        if fresh:
            self.guest.run("dd if=/dev/zero of=/data/ext4/stamps bs=1M count=8 2>/dev/null\n"
                           "cp -r /mnt/app/repository /data/xfs/tree; sync", 300)

    def mount(self, name):
        device, _, kind, _ = VOLUMES[name]
        self.guest.run(f"mkdir -p /data/{name}; mount -t {kind} -o noatime /dev/{device} /data/{name}")

    def start_exporter(self):
        lines = [f"kafka: {{bootstrap.servers: \"{GATEWAY}:{self.broker.vm}\"}}", "http: {listen: \"0.0.0.0:8080\"}",
                 "management: {listen: \"0.0.0.0:8081\"}", "state: /var/lib/blkcast", "volumes:"]
        for name, (device, _, kind, limit) in VOLUMES.items():
            lines += [f"  - name: {name}", "    source: blksnap", f"    device: /dev/{device}",
                      f"    differenceStorage: {{path: /var/tmp, limit: {limit}}}"]
            lines += ["    group: mounted"] if kind else []
        self.guest.run("cat >/run/exporter.yaml <<'END'\n" + "\n".join(lines) + "\nEND\n"
                       f"{EXPORTER} >>/dev/console 2>&1 </dev/null &\necho $! >/run/exporter.pid")
        try:
            self.api.wait_ready(600)
        except Failed as e:     # slow, or stuck, and where
            raise Failed(f"{e}\n{self._what_runs()}") from e

    def _what_runs(self):
        """What the exporter said last, its threads, and what else runs in the VM."""
        try:
            there = self.guest.run("kill -QUIT $(cat /run/exporter.pid); sleep 10; cat /proc/loadavg; top -b -n 1 | head -n 15\n"
                                   "echo w >/proc/sysrq-trigger; dmesg | tail -n 60", 300, check=False)
        except Failed as e:
            there = str(e)
        with open(self.log.name, "rb") as log:
            log.seek(-min(30000, os.path.getsize(self.log.name)), os.SEEK_END)
            return log.read().decode("utf-8", "replace") + there

    def kill_exporter(self):
        self.guest.run(f"kill -9 $(cat /run/exporter.pid); {END_OF_EXPORTER}")

    def stop_exporter(self):
        self.guest.run(f"kill $(cat /run/exporter.pid); {END_OF_EXPORTER}", 60)

    def start_load(self):
        """Numbered writes and fio on ext4, a git checkout rewritten over and over on xfs."""
        self.guest.run("""
            (stamp /data/ext4/stamps 20000 </dev/null >/dev/console 2>&1 &)
            (LD_LIBRARY_PATH=/mnt/app/native /mnt/app/bin/fio --name=load --directory=/data/ext4 --rw=randwrite --bs=4k --size=16m \\
                --ioengine=psync --fsync=64 --time_based --runtime=100000 --rate=512k >/dev/null 2>&1 </dev/null &)
            cat >/tmp/load.sh <<'END'
renice -n 19 -p $$     # the exporter comes first, or on a busy host it does not start beside this
export LD_LIBRARY_PATH=/mnt/app/native PATH=/mnt/app/bin:$PATH
cd /data/xfs/tree
rm -f .git/*.lock
all=$(git rev-list --all) || exit
while :; do for c in $all; do git checkout -qf $c || exit; done; done
END
            (sh /tmp/load.sh >/dev/null 2>&1 </dev/null & echo $! >/run/load.pid)
            sleep 1; pidof fio && pidof stamp && kill -0 $(cat /run/load.pid)""")

    def stop_load(self):
        self.guest.run("kill -9 $(cat /run/load.pid)", check=False)
        try:
            proof.wait_until("the end of fio, git and stamp", lambda: not self.guest.run(
                "kill -9 $(pidof fio git stamp) 2>/dev/null; sleep 0.1; pidof fio git stamp", check=False).strip(), 300)
        except Failed as e:     # who does not die of that is in the kernel
            blocked = self.guest.run("echo w >/proc/sysrq-trigger; dmesg | tail -n 120", check=False)
            raise Failed(f"{e}\n{blocked}") from e

    def start_stamps(self, delay_us):
        self.guest.run(f"(stamp /dev/{VOLUMES['raw'][0]} {delay_us} </dev/null >/dev/console 2>&1 &)")

    def stop_stamps(self):
        self.guest.run("kill -9 $(pidof stamp); while pidof stamp; do sleep 0.1; done", check=False)

    # Increments and proofs.

    def increment(self, *volumes):
        """
        One that begins from here on, of a group or a single volume, brought to the replicas; what was committed of the first.
        """
        for name in volumes:    # not one that is under way already
            proof.wait_until(f"the end of what {name} does", lambda n=name: self.api.volume(n)["progress"]["state"] == "IDLE", 300)
        first, ids = self.api.increment(*volumes)
        for name, increment in ids.items():
            self.replicas[name].wait_for(increment)
        return first

    def delta(self, *volumes):
        committed = self.increment(*volumes)
        if committed["kind"] != "DELTA":
            raise Failed(f"not a delta: {committed}")

    def prove_under_load(self):
        """An increment while everything writes: clean filesystems, and in them one instant of the writers."""
        self.delta(*MOUNTED)
        with proof.mounted(self.replicas["ext4"].path, "ext4") as where:
            written = proof.stamps(os.path.join(where, "stamps"))
        with proof.mounted(self.replicas["xfs"].path, "xfs") as where:
            proof.run("git", "-c", "safe.directory=*", "-C", os.path.join(where, "tree"), "fsck", "--no-dangling")
        return written

    def prove_quiet(self):
        """
        Without load, and so that not even the thaw writes: the replicas are the sources' disks, by digest, by every
        file as the VM reads it, and by the records alone.
        """
        self.stop_load()
        for name in MOUNTED:
            self.guest.run(f"mount -o remount,ro /data/{name}")
        self.increment(*MOUNTED)
        for name in MOUNTED:
            replica, kind = self.replicas[name], VOLUMES[name][2]
            if proof.digest(self.disks[name]) != replica.digest():
                raise Failed(f"the replica of {name} is not equal to the disk")
            wanted = self.guest.run(f"cd /data/{name} && {proof.LIST_FILES}", 300)
            if differ := proof.file_digests_differ(proof.files(replica.path, kind), wanted):
                raise Failed(f"files of the replica of {name} are not those of the source:\n{differ}")
            replica.verify()
            self.guest.run(f"mount -o remount,rw /data/{name}")

    def prove_raw(self):
        """The raw volume, with nobody writing, by digest and by the records alone."""
        self.stop_stamps()
        self.increment("raw")
        if proof.digest(self.disks["raw"]) != self.replicas["raw"].digest():
            raise Failed("the replica of raw is not equal to the disk")
        self.replicas["raw"].verify()

    def kernel_is_well(self):
        trouble = klog.excerpt(self.guest.run("dmesg").splitlines())
        if trouble:
            raise Failed("the kernel complains:\n" + "\n".join(trouble))

    def close(self):
        if self.guest:
            self.guest.cut()
        for replica in self.replicas.values():
            replica.stop()
        self.broker.kill()
