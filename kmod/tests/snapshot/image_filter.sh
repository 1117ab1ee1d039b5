#!/bin/sh
# an image's own filter stays on it and no other comes there; reads of the image keep to the limit that a cgroup has on its source
# shellcheck shell=dash
. /tests/lib/lib.sh

source=$(dev_null 16)
put "$source" 0 8192 1
attach "$source"
id=$(snapshot 16 "$(storage_dir)" "$source")
image=$(image "$source")

equal "$(cat "/sys/block/${image##*/}/filter")" blksnap-image "the filter of the image"
blksnapctl attach "$image" 2>/tmp/error && fail "a filter was attached to an image"
grep -q EPERM /tmp/error || fail "another error than EPERM: $(cat /tmp/error)"
kernel_log | grep -q "${image##*/}: is made by filter blksnap-image, and cannot be filtered" || fail "no message says why"
refuse blksnapctl detach "$image" 2>/dev/null
equal "$(cat "/sys/block/${image##*/}/filter")" blksnap-image "the filter of the image, after all that"

# Reads of what nobody has overwritten, and of what is in the storage.
put "$source" 0 4096 2
try same "$image" 0 8192 1

# seconds it takes the group to read 3 MiB of the image
seconds() {
	_begin=$(cut -d. -f1 /proc/uptime)
	sh -c "echo \$\$ >/tmp/cgroup/slow/cgroup.procs && exec dd if=$image of=/dev/null bs=64k skip=64 count=48 iflag=direct" 2>/dev/null ||
		fail "dd in a cgroup"
	echo $(($(cut -d. -f1 /proc/uptime) - _begin))
}

# Linux 6.12 leaks what it allocates for the limit of a disk, with and without filters. User-Mode Linux has no cgroups.
if is_sanitizer || ! grep -q cgroup2 /proc/filesystems; then exit 0; fi

mkdir /tmp/cgroup
try mount -t cgroup2 cgroup2 /tmp/cgroup
echo +io >/tmp/cgroup/cgroup.subtree_control || fail "no I/O controller"
mkdir /tmp/cgroup/slow
echo "$(cat "/sys/block/${source##*/}/dev") rbps=1048576" >/tmp/cgroup/slow/io.max || fail "no limit"
took=$(seconds)
[ "$took" -ge 2 ] || fail "3 MiB were read in $took s, and 1 MiB a second is the limit of the source"
rmdir /tmp/cgroup/slow
umount /tmp/cgroup
try blksnapctl destroy "$id"
try blksnapctl detach "$source"
