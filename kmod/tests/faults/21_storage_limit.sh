# fault 21: the storage's limit holds for the first file too, and space asked for in vain is told, with a block device as with files
# timeout: 90
# long: sanitizer
. /tests/lib/lib.sh
d=$(dev_null 64); put "$d" 0 65536 1
attach "$d"

overflow() {	# STORAGE LIMIT_MiB
	echo "storage $1, limit $2 MiB"
	id=$(snapshot "$2" "$1" "$d")
	put "$d" 0 $((($2 + 8) * 1024)) 2
	same "$d" 0 $((($2 + 8) * 1024)) 2 || fail "a write was lost"
	blksnapctl events --timeout 60000 --count 2 "$id" | tee /tmp/events
	grep -q event=no-space /tmp/events || fail "no event that space is missing"
	grep -q event=corrupted /tmp/events || fail "no event that the image is lost"
	grep -q 'error=28' /tmp/events || fail "the event has another error than ENOSPC"
	blksnapctl image "$d" 2>/tmp/error && fail "an image that overflowed"
	cat /tmp/error
	[ -z "${3:-}" ] || [ "$(stat -c %s "$3")" -le $(($2 << 20)) ] || fail "$3 is larger than the limit"
	blksnapctl --json stat "$id" | tee /tmp/stat
	allocated=$(sed 's/.*"allocated_bytes": \([0-9]*\).*/\1/' /tmp/stat)
	[ "$allocated" -le $(($2 << 20)) ] || fail "$allocated bytes allocated"
	try blksnapctl destroy "$id"
	put "$d" 0 65536 1
}

overflow "$(storage_dir)" 4
truncate -s 2M /tmp/small
overflow /tmp/small 4 /tmp/small
# Of a file that is larger than the limit no more than that is used, and the rest stays as it is.
put /dev/vdc 0 32768 7
dd if=/dev/vdc of=/tmp/big bs=1M count=32 2>/dev/null
overflow /tmp/big 8
equal "$(stat -c %s /tmp/big)" $((32 << 20)) "size of a file that was larger than the limit"
equal "$(digest /tmp/big 8192 24576)" "$(digest /dev/vdc 8192 24576)" "what lies beyond the limit"
[ "$(digest /tmp/big 0 8192)" != "$(digest /dev/vdc 0 8192)" ] || fail "nothing was stored in the file"
small=$(dev_null 8)
overflow "$small" 4		# the limit is less than the device
overflow "$small" 8		# the device is the limit
# A filesystem that is full before the limit is reached.
part=$(dev_null 16); mkfs.ext4 -q "$part"; mount "$part" /mnt
echo 4096 >/sys/module/blksnap/parameters/diff_storage_minimum
overflow /mnt 32
