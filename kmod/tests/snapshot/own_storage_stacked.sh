# a storage that lies on its own source is refused by name, whatever is between: dm, loop, md, btrfs, overlayfs, and several of them (fault 6)
# timeout: 180
. /tests/lib/lib.sh

id=
# refused WHAT SOURCE STORAGE PATTERN: the message names the way that was found
refused() {
	echo "$1"
	id=$(blksnapctl create --limit 4M "$3") || fail "$1: create on $3"
	if blksnapctl add "$id" "$2" 2>/tmp/error; then fail "$1: added to a snapshot that is stored on it"; fi
	grep -q EBUSY /tmp/error || fail "$1: $(cat /tmp/error)"
	kernel_log | tail -n 1 | grep -q "${2#/dev/}: holds the difference storage of the snapshot, $4; choose" ||
		fail "$1: $(kernel_log | tail -n 1)"
	try blksnapctl destroy "$id"
}

# taken SOURCE STORAGE: and right
taken() {
	put "$1" 0 2048 1
	id=$(snapshot 4 "$2" "$1")
	put "$1" 0 2048 2
	same "$(image "$1")" 0 2048 1 || fail "the image of $1 with its storage on $2"
	try blksnapctl destroy "$id"
}

# on_a_filesystem TYPE DEVICE DIRECTORY
on_a_filesystem() {
	mkfs."$1" -q "$2" || fail "mkfs.$1 $2"
	mkdir -p "$3"
	mount -t "$1" "$2" "$3" || fail "mount $2"
}

d=$(dev_null 160); n=${d#/dev/}
attach "$d"

x=$(dm_linear above "$d")
refused "dm" "$d" "$x" "dm-[0-9]* on $n"
on_a_filesystem ext4 "$x" /tmp/m
refused "a directory on dm" "$d" /tmp/m "/tmp/m on dm-[0-9]* on $n"
umount /tmp/m
if modprobe -q dm-crypt; then
	y=$(dm crypt "0 $(sectors "$x") crypt aes-cbc-plain 000102030405060708090a0b0c0d0e0f 0 $x 0")
	refused "dm-crypt over dm" "$d" "$y" "dm-[0-9]* on dm-[0-9]* on $n"
	dmsetup remove crypt
fi
y=$(dm_linear twice "$x")
refused "dm over dm" "$d" "$y" "dm-[0-9]* on dm-[0-9]* on $n"
dmsetup remove twice
dmsetup remove above

on_a_filesystem ext4 "$d" /tmp/m
l=$(dev_loop 24 /tmp/m/file)
refused "loop" "$d" "$l" "${l#/dev/} on /tmp/m/file on $n"
y=$(dm_linear over "$l")
refused "dm over loop" "$d" "$y" "dm-[0-9]* on ${l#/dev/} on /tmp/m/file on $n"
on_a_filesystem ext4 "$y" /tmp/n
refused "a directory on dm over loop" "$d" /tmp/n "/tmp/n on dm-[0-9]* on ${l#/dev/} on /tmp/m/file on $n"
l2=$(dev_loop 8 /tmp/n/file)
refused "loop over dm over loop" "$d" "$l2" "${l2#/dev/} on /tmp/n/file on dm-[0-9]* on ${l#/dev/} on /tmp/m/file on $n"
losetup -d "$l2"
umount /tmp/n
dmsetup remove over
rm /tmp/m/file
refused "loop over a file that was deleted" "$d" "$l" "${l#/dev/} on /tmp/m/file (deleted) on $n"
losetup -d "$l"
if modprobe -q overlay; then
	mkdir /tmp/m/upper /tmp/m/work /tmp/lower /tmp/o
	mount -t overlay -o lowerdir=/tmp/lower,upperdir=/tmp/m/upper,workdir=/tmp/m/work o /tmp/o || fail "overlayfs"
	touch /tmp/o/file
	refused "overlayfs" "$d" /tmp/o/file "/tmp/o/file on $n"
	l=$(dev_loop 8 /tmp/o/file)
	refused "loop over overlayfs" "$d" "$l" "${l#/dev/} on /tmp/o/file on $n"
	losetup -d "$l"
	umount /tmp/o
fi
umount /tmp/m

l=$(losetup -f --show "$d")
refused "loop over a device" "$d" "$l" "${l#/dev/} on $d"
losetup -d "$l"

e=$(dev_null 160)
md=$(dev_md 1 "$d" "$e")
refused "md" "$d" "$md" "md0 on $n"
l=$(losetup -f --show "$md")
refused "loop over md" "$d" "$l" "${l#/dev/} on $md on $n"
losetup -d "$l"
mdadm --stop --quiet "$md"

modprobe -q btrfs || :
for devices in "$d" "$d $e" "$e $d"; do
	# shellcheck disable=SC2086
	mkfs.btrfs -q -f $devices >/dev/null 2>&1 || fail "mkfs.btrfs $devices"
	mkdir -p /tmp/b
	mount -t btrfs "${devices%% *}" /tmp/b || fail "mount $devices"
	refused "btrfs on $devices" "$d" /tmp/b "/tmp/b on $n"
	l=$(dev_loop 16 /tmp/b/file)
	refused "loop over btrfs on $devices" "$d" "$l" "${l#/dev/} on /tmp/b/file on $n"
	losetup -d "$l"
	umount /tmp/b
done

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
