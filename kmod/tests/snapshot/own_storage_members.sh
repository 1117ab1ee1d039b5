# a storage that lies on its own source is refused by name, where that is a member of an md array or a btrfs (fault 6)
# timeout: 150
# long: sanitizer
. /tests/lib/lib.sh
. /tests/lib/own_storage.sh

d=$(dev_null 160); n=${d#/dev/}
attach "$d"

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
