# what the test before left is gone
. /tests/lib/lib.sh
for d in nullb0 ram0 dm-0 md0 sda vdc1; do [ ! -e /sys/class/block/$d ] || fail "$d is still there"; done
[ ! -e /mnt/file ] || fail "still mounted"
[ -z "$(losetup -a)" ] || fail "loop devices: $(losetup -a)"
equal "$(ls /tmp)" "" "files in /tmp"
