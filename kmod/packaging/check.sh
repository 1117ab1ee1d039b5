#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Installs the package into a fresh Debian 12 in a directory, and removes it again:
#   check.sh <package.deb>
# DKMS has to build and install both modules there, and to leave nothing behind. Needs
# root, debootstrap and a Debian mirror: debootstrap's own, or MIRROR.
set -eu

deb=${1:?which package? make deb builds one}
root=$(mktemp -d)
die() { echo "error: $*" >&2; exit 1; }
cleanup() {
	umount "$root/proc" 2>/dev/null || :
	rm -rf --one-file-system "$root"
}
trap cleanup EXIT
modules() { find "$root/lib/modules" -name 'blkfilter.ko*' -o -name 'blksnap.ko*'; }
apt() { DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get -y -qq "$@"; }

command -v debootstrap >/dev/null || die "no debootstrap: apt-get install debootstrap"
debootstrap --variant=minbase bookworm "$root" ${MIRROR:+"$MIRROR"} >/dev/null
cp -r /etc/apt/apt.conf.d "$root/etc/apt/"	# a proxy, if there is one
mount -t proc proc "$root/proc"
cp "$deb" "$root/package.deb"

apt install --no-install-recommends linux-headers-cloud-amd64 /package.deb
[ "$(modules | wc -l)" = 2 ] || die "DKMS has not installed both modules: $(modules)"
release=$(basename "$(dirname "$(find "$root/lib/modules" -name build)")")
chroot "$root" modinfo -k "$release" -F depends blksnap | grep -qx blkfilter || die "blksnap does not depend on blkfilter"
[ -e "$root/usr/lib/modules-load.d/blkcast.conf" ] || die "nothing loads the modules at boot"
apt remove blkcast-dkms
[ "$(modules | wc -l)" = 0 ] || die "left behind: $(modules)"
echo "the package installs for $release, and goes without a trace"
