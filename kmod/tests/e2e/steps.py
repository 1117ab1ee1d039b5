# SPDX-License-Identifier: GPL-2.0
"""What happens to the scene, in this order; the first line of each is what it shows."""

import time

import proof
import quickstart as readme
import service as unit
from host import Refused
from proof import Failed
from scene import MOUNTED, TESTS_JAVA, VOLUMES


def _contract(scene, which):
    output = scene.guest.run(
        f"{TESTS_JAVA} io.blkcast.exporter.source.blksnap.ContractMain {which}", 1800, check=False)
    tests = [line for line in output.splitlines() if line.startswith(("ok ", "not ok "))]
    scene.log.write(output.encode())
    if not tests or any(line.startswith("not") for line in tests):
        raise Failed("\n".join([*tests, "see the log for more", *(l for l in output.splitlines() if ":" in l and "at " not in l)][:60]))
    return tests


def contract(scene):
    """the module passes the contract of every source, bound by the exporter's code"""
    return _contract(scene, "source")


def server(scene):
    """what an exporter meets at its start on a server has the right answer or a clear message"""
    return _contract(scene, "server")


def baseline(scene):
    """the first increment of each volume is the whole volume, and the replica equals it"""
    scene.start_exporter()
    for replica in scene.replicas.values():
        replica.start()
    for volumes in (MOUNTED, ("raw",)):
        kind = scene.increment(*volumes)["kind"]
        if kind != "BASELINE":
            raise Failed(f"{volumes}: the first increment is a {kind}")
    scene.prove_quiet()
    scene.prove_raw()


def load(scene):
    """of filesystems under load each increment is one instant, clean; and quiet ones are equal in every file"""
    scene.start_load()
    written = [scene.prove_under_load() for _ in range(4)]
    scene.prove_quiet()
    if written[-1] <= written[0]:
        raise Failed(f"nothing was written meanwhile: {written}")


def kill(scene):
    """kill -9 of the exporter in the middle of an increment loses no history"""
    scene.start_load()
    scene.api.start_increment(MOUNTED[0])
    time.sleep(0.5)
    scene.kill_exporter()
    scene.start_exporter()
    scene.prove_under_load()
    scene.prove_quiet()


def broker(scene):
    """a broker that dies in the middle of an increment and comes back loses nothing"""
    scene.start_load()
    for pause in (0.5, 0.1):
        scene.api.start_increment(MOUNTED[0])
        time.sleep(pause)
        scene.broker.kill()
        time.sleep(2)
        scene.broker.start()
        for attempt in range(10):   # what is asked for while the exporter looks for the broker may be refused
            scene.api.wait_ready(240)
            try:
                scene.prove_under_load()
                break
            except Refused:
                if attempt == 9:
                    raise
                time.sleep(3)
    scene.prove_quiet()


def overflow(scene):
    """a difference storage that overflows costs the attempt, not the source, and is made up for"""
    def aborted():
        return {a["finishedAt"] for a in scene.api.increments("raw") if a["outcome"] == "ABORTED"}

    def exporting():
        state = scene.api.volume("raw")["progress"]["state"]
        if state == "IDLE":
            scene.api.call("POST", "/raw/resync")
        return state == "EXPORTING"

    before = aborted()
    end = time.monotonic() + 300
    scene.start_stamps(0)
    while not aborted() - before:
        proof.wait_until("an export to hold up", exporting, 240)
        with scene.broker.held_up():    # what is not acknowledged is not released
            time.sleep(10)      # the storage lasts for one or two
        proof.wait_until("the end of the attempt", lambda: scene.api.volume("raw")["progress"]["state"] == "IDLE", 240)
        if time.monotonic() > end:
            raise Failed("no attempt was given up for its overflow")
    scene.prove_raw()
    proof.stamps(scene.disks["raw"])


def wrap(scene, rounds=300):
    """300 increments across the end of the changes numbers are deltas, each one instant of its writer"""
    scene.start_stamps(300000)  # were it many a second, each increment would be as large as the one before took long
    chain = scene.increment("raw")["chainLength"]
    written = 0
    for _ in range(rounds):
        committed = scene.increment("raw")
        chain += 1
        if committed["kind"] != "DELTA" or committed["chainLength"] != chain:
            raise Failed(f"not delta number {chain} of its chain: {committed}")
        now = proof.stamps(scene.replicas["raw"].path)
        if now < written:
            raise Failed(f"went back from write {written} to {now}")
        written = now
    scene.prove_raw()


def removal(scene):
    """a disk that is pulled is reported, and the other volumes go on"""
    scene.guest.pull("raw")
    proof.wait_until("the disk's end", lambda: "gone" in scene.guest.run(
        f"[ -e /sys/block/{VOLUMES['raw'][0]} ] || echo gone"))
    try:
        scene.api.start_increment("raw")
    except Refused:
        pass    # refused at once, or given up later: either will do if it is told
    proof.wait_until("a report of the loss", lambda: "lastError" in scene.api.volume("raw")["progress"])
    scene.start_load()
    scene.prove_under_load()
    scene.prove_quiet()
    scene.kernel_is_well()


def power(scene):
    """after a power cut in the middle of an increment a baseline follows by itself, and all is equal"""
    scene.start_load()
    scene.api.start_increment(MOUNTED[0])
    time.sleep(1)
    scene.guest.cut()
    scene.boot(fresh=False)
    scene.start_exporter()
    kind = scene.increment(*MOUNTED)["kind"]
    if kind != "BASELINE":
        raise Failed(f"the module was loaded anew, and yet the increment is a {kind}")
    scene.start_load()
    scene.prove_under_load()
    scene.prove_quiet()
    scene.prove_raw()
    scene.kernel_is_well()


def quickstart(scene):
    """the README's commands for a server do what it says, as they stand there"""
    scene.guest.cut()
    readme.run(scene.kernel, scene.archive, scene.directory, scene.log)


def service(scene):
    """the unit runs the exporter under systemd: READY, increments, restarted after kill -9 without loss, a clean stop"""
    scene.guest.cut()
    unit.run(scene.kernel, scene.archive, scene.directory, scene.log)


STEPS = {step.__name__: step for step in (contract, server, baseline, load, kill, broker, overflow, wrap, removal, power,
                                  quickstart, service)}
