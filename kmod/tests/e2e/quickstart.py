# SPDX-License-Identifier: GPL-2.0
"""
The README's quick start on a server, in a VM whose root is that of this host, with all that is written going to memory:
every block of commands under that heading is run as it stands there.
"""

import contextlib
import os
import re
import tempfile

import app
import host
from guest import Guest
from proof import Failed

HEADING = "## On a server"
# Of the README: the broker's address, the device, and what the volume and the replica are called.
BROKER, DEVICE, REPLICA = "kafka-1", "/dev/vda", "/var/tmp/db01-data.img"
BROKER_ADDRESS = "10.0.2.100"
DISK_MB = 64

ROOT = f"""
modprobe -q virtiofs; modprobe -q overlay
mkdir -p /host /layer /root.vm
mount -t virtiofs -o ro host /host && mount -t tmpfs -o size=1g layer /layer && mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /root.vm || exit 1
for d in proc sys dev; do mount --rbind /$d /root.vm/$d; done
mount -t tmpfs tmp /root.vm/tmp
mkdir -p /root.vm{app.ROOT}     # it may be under /tmp
mkdir -p /layer/checkout /layer/checkout.work
mount -t overlay -o lowerdir=/host{app.ROOT},upperdir=/layer/checkout,workdir=/layer/checkout.work checkout /root.vm{app.ROOT} || exit 1
echo '{BROKER_ADDRESS} {BROKER}' >>/root.vm/etc/hosts
: >/root.vm{app.ROOT}/consumers/cli/target/blkcast.built   # by Maven, on the host
"""


def blocks(document, heading):
    """The commands under the heading of a document, a text for each fenced block of shell."""
    with open(os.path.join(app.ROOT, document)) as f:
        section = f.read().partition(heading + "\n")[2].partition("\n## ")[0]
    found = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    if not found:
        raise Failed(f"no commands under '{heading}' in {document}")
    return found


def _as_root(commands):
    """A script that runs the commands in the host's root, in the checkout."""
    java_home = f"JAVA_HOME={os.environ['JAVA_HOME']}" if "JAVA_HOME" in os.environ else ""
    return f"""cat >/root.vm/tmp/commands <<'END OF COMMANDS'
cd {app.ROOT}
{commands}
END OF COMMANDS
# What goes on in the background goes on writing: not into what this script is asked for.
out=$(mktemp)
env -i PATH={os.environ["PATH"]} HOME=/root {java_home} JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1 \\
    chroot /root.vm /bin/bash -e /tmp/commands </dev/null >$out 2>&1 &
commands=$!
tail -f $out >/dev/console &
wait $commands
status=$?
kill $!
cat $out
exit $status"""


@contextlib.contextmanager
def server(kernel, archive, directory, log):
    """The VM, with a disk of random bytes and a broker under the README's name; what they need is kept in the directory."""
    directory = tempfile.mkdtemp(dir=directory)
    broker = host.Broker(directory, log, f"{BROKER}:9092")
    disk = os.path.join(directory, "disk")
    with open(disk, "wb") as f:
        f.write(os.urandom(DISK_MB << 20))
    guest = None
    try:
        broker.start()
        guest = Guest(kernel, archive, {"db01": disk}, {}, directory, log, 3072, {f"{BROKER_ADDRESS}:9092": broker.vm}, share=True)
        guest.run(ROOT)
        yield guest
    finally:
        if guest:
            guest.cut()
        broker.kill()


def run(kernel, archive, directory, log):
    """Runs all of it."""
    with server(kernel, archive, directory, log) as guest:
        # The VM's own modules would stand in for those that the commands install.
        guest.run("rmmod blksnap && rmmod blkfilter")
        for block in blocks("README.md", HEADING):
            log.write(guest.run(_as_root(block), 900).encode())
        guest.run(f"cmp {DEVICE} /root.vm{REPLICA}")
