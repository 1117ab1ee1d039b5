# fault 6: a device on which the storage lies is refused with EBUSY, and the snapshot stays usable without it
# long: sanitizer
. /tests/lib/lib.sh
d=$(dev_null 64); other=$(dev_null 8)
attach "$d" "$other"

refused() {	# STORAGE
	id=$(blksnapctl create --limit 4M "$1")
	if blksnapctl add "$id" "$d" 2>/tmp/error; then fail "added to a snapshot that is stored on it: $1"; fi
	cat /tmp/error
	grep -q EBUSY /tmp/error || fail "another error than EBUSY for $1"
	try blksnapctl add "$id" "$other"
	try blksnapctl take "$id"
	put "$other" 0 64 1
	try blksnapctl destroy "$id"
}

refused "$d"
mkfs.ext4 -q "$d"
mount "$d" /mnt
refused /mnt
mkdir /mnt/dir
refused /mnt/dir
truncate -s 1M /mnt/file
refused /mnt/file
umount /mnt
# And a partition of it, for the disk as a whole.
try blksnapctl detach "$d"
partition "$d" 1:32
mkfs.ext4 -q "${d}p1"
mount "${d}p1" /mnt
try blksnapctl attach --whole-disk "$d"
refused /mnt
umount /mnt
