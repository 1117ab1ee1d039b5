# a storage that lies on its own source by a way that no name leads along is refused by the take; one that is beside its source is not (fault 6)
# timeout: 120
. /tests/lib/lib.sh
. /tests/lib/own_storage.sh

d=$(dev_null 160); n=${d#/dev/}
attach "$d"

# taken SOURCE STORAGE: and right
taken() {
	put "$1" 0 2048 1
	id=$(snapshot 4 "$2" "$1")
	put "$1" 0 2048 2
	same "$(image "$1")" 0 2048 1 || fail "the image of $1 with its storage on $2"
	try blksnapctl destroy "$id"
}

# What cannot be looked up is seen as soon as it is written to: a file that no path leads to any more.
unseen() {	# WHAT STORAGE
	echo "$1"
	put "$d" $((150 * 1024)) 64 3
	id=$(blksnapctl create --limit 4M "$2") || fail "$1: create on $2"
	try blksnapctl add "$id" "$d"
	if blksnapctl take "$id" 2>/tmp/error; then fail "$1: taken with the storage on its source"; fi
	grep -q EBUSY /tmp/error || fail "$1: $(cat /tmp/error)"
	kernel_log | grep -q "$n: holds the difference storage of the snapshot: what is written to $2 comes to it" ||
		fail "$1: $(kernel_log | tail -n 3)"
	try blksnapctl destroy "$id"
}
on_a_filesystem ext4 "$d" /tmp/m
l=$(dev_loop 24 /tmp/m/file)
umount -l /tmp/m
unseen "loop over a file that is mounted nowhere" "$l"
y=$(dm_linear over "$l")
on_a_filesystem ext4 "$y" /tmp/n
unseen "a directory on dm over such a loop" /tmp/n
umount /tmp/n
dmsetup remove over
losetup -d "$l"

# What only looks like it: another part of the disk, another disk.
try blksnapctl detach "$d"
wipefs -qa "$d" 2>/dev/null || put "$d" 0 2048 9
partition "$d" 1:16 32:64
attach "${d}p1"
x=$(dm_linear beside "${d}p2")
taken "${d}p1" "$x"
l=$(dev_loop 8)
y=$(dm_linear other "$l")
taken "${d}p1" "$y"

# A file that cannot be found, under a path that leads to the source by now.
mkfs.ext4 -q "${d}p1"
on_a_filesystem ext4 "$(dev_null 32)" /tmp/n
l2=$(dev_loop 8 /tmp/n/file)
mount "${d}p1" /tmp/n
id=$(snapshot 4 "$l2" "${d}p1")
try blksnapctl destroy "$id"
umount /tmp/n
losetup -d "$l2"
umount /tmp/n

# Nor on the disk as a whole; and what lies there only since the device was added is seen by the take.
try blksnapctl detach "${d}p1"
try blksnapctl attach --whole-disk "$d"
refused "dm over a partition, of the disk" "$d" "$x" "dm-[0-9]* on ${n}p2"
id=$(blksnapctl create --limit 4M "$y")
try blksnapctl add "$id" "$d"
dm_table other "0 $(sectors "$y") linear ${d}p2 0"
if blksnapctl take "$id" 2>/tmp/error; then fail "taken with the storage on its source"; fi
grep -q EBUSY /tmp/error || fail "$(cat /tmp/error)"
dm_table other "0 $(sectors "$y") linear $l 0"
try blksnapctl take "$id"
try blksnapctl destroy "$id"
