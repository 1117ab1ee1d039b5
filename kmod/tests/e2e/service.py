# SPDX-License-Identifier: GPL-2.0
"""
The exporter as a service, in a VM whose root is that of this host: the unit as it stands in the repository, under a
systemd that is PID 1 of a namespace of its own, installed by the commands of docs/server.md.
"""

import os
import shutil

import app
import quickstart
from proof import Failed

HEADING = "## As a service"
UNIT = "blkcast-exporter"

# In a namespace, as the VM's own PID 1 takes our orders. Only what the service stands on is started of this host's units.
SYSTEMD = f"""
mount -t tmpfs run /root.vm/run
mount -o remount,ro,bind /root.vm/sys
mount -t cgroup2 cgroup /root.vm/sys/fs/cgroup
cat >/root.vm/tmp/systemd <<'END'
mount --make-rprivate /
mount -t proc proc /root.vm/proc
cd /root.vm && mount --move . / && exec chroot . env -i container=vm PATH={os.environ["PATH"]} \\
    /lib/systemd/systemd --unit=basic.target --log-target=console --show-status=0
END
unshare -m -p -f sh /root.vm/tmp/systemd </dev/null >/dev/console 2>&1 &
until pidof systemd; do sleep 1; done
"""


def _inside(commands, timeout):
    """A script that runs the commands where systemd is, for so many seconds at most."""
    return f"""cat >/root.vm/tmp/commands <<'END OF COMMANDS'
cd {app.ROOT}
export HOME=/root JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1 PATH={os.environ["PATH"]}
{commands}
END OF COMMANDS
nsenter -t $(pidof systemd | tr ' ' '\\n' | sort -n | head -n 1) -m -p -r timeout {timeout} /bin/bash -e /tmp/commands </dev/null 2>&1"""


class _Service:
    def __init__(self, guest):
        self.guest = guest

    def run(self, commands, timeout=300):
        try:
            return self.guest.run(_inside(commands, timeout), timeout + 60)
        except Failed as e:
            raise Failed(f"{e}\n{self._told()}") from e

    def _told(self):
        return self.guest.run(_inside(f"systemctl status --no-pager -l {UNIT}; journalctl --no-pager -n 60 -u {UNIT}", 60), check=False)

    def shows(self, **wanted):
        """Properties of the unit, as systemd has them."""
        shown = dict(line.split("=", 1) for line in self.run(f"systemctl show {UNIT} -p {','.join(wanted)}").splitlines() if "=" in line)
        if shown != wanted:
            raise Failed(f"{UNIT}: {shown}, not {wanted}\n{self._told()}")


def run(kernel, archive, directory, log):
    """Installs the service and tries it."""
    if not os.path.exists("/lib/systemd/systemd"):
        raise Failed("no systemd on this host: apt-get install systemd")
    with quickstart.server(kernel, archive, directory, log) as guest:
        if not os.path.exists("/usr/bin/java"):
            guest.run(f"ln -s {shutil.which('java')} /root.vm/usr/bin/java")
        guest.run(SYSTEMD, 300)
        service = _Service(guest)
        service.run("until systemctl is-active basic.target; do sleep 1; done", 600)
        configuration, = (b for b in quickstart.blocks("README.md", quickstart.HEADING) if "exporter.yaml" in b)
        service.run(configuration.partition("./blkcast run")[0])
        for block in quickstart.blocks("docs/server.md", HEADING):
            service.run(block, 600)     # comes back when the exporter said READY
        service.shows(ActiveState="active", SubState="running", NRestarts="0")
        _proves(service)


def _proves(service):
    """Increments, a death and an end of it, under all that the unit denies it."""
    replicate = (f"./blkcast increment db01-data --json; ./blkcast replicate --volume db01-data --target {quickstart.REPLICA} "
                 f"--bootstrap-servers {quickstart.BROKER}:9092 --once && cmp {quickstart.DEVICE} {quickstart.REPLICA}")
    service.run(replicate)
    service.run(f"dd if=/dev/urandom of={quickstart.DEVICE} bs=1M seek=8 count=1 oflag=direct status=none\n"
                f"systemctl kill -s KILL --kill-whom=main {UNIT}\n"
                f"until [ \"$(systemctl show -p NRestarts --value {UNIT})\" = 1 ] && systemctl is-active {UNIT}; do sleep 1; done", 600)
    committed = service.run(replicate)
    if '"DELTA"' not in committed:
        raise Failed(f"after a restart by systemd history is lost: {committed}")
    service.run(f"systemctl stop {UNIT}")
    service.shows(ActiveState="inactive", Result="success")
    left = service.guest.run("blksnapctl list")
    if left.strip():
        raise Failed(f"snapshots that the stopped exporter has left: {left}")
