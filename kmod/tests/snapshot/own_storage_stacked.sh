# a storage that lies on its own source is refused by name, through dm, loop and overlayfs, several levels of them (fault 6)
# timeout: 240
. /tests/lib/lib.sh
. /tests/lib/own_storage.sh

d=$(dev_null 64); n=${d#/dev/}
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
