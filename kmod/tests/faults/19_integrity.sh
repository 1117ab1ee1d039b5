# fault 19: a disk with T10 integrity is refused with a message, and nothing is dereferenced that is not there
. /tests/lib/lib.sh
d=$(dev_scsi 16 dif=1 dix=1)
[ "$(cat /sys/block/"${d#/dev/}"/integrity/format)" != none ] || fail "the disk has no integrity profile"
if blksnapctl attach "$d" 2>/tmp/error; then
	# Tracking it is possible; a snapshot is not.
	id=$(blksnapctl create --limit 8M "$(storage_dir)")
	if blksnapctl add "$id" "$d" 2>/tmp/error && blksnapctl take "$id" 2>/tmp/error; then
		fail "a snapshot of a disk with integrity"
	fi
fi
cat /tmp/error
grep -qE 'EOPNOTSUPP|EPERM' /tmp/error || fail "another error than EOPNOTSUPP or EPERM"
kernel_log | grep -i integrity | grep -qi blksnap || fail "the kernel does not say why"
put "$d" 0 64 1; same "$d" 0 64 1
