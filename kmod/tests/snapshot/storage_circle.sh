# two or three snapshots whose storages lie on each other's devices are refused; a chain of them is right
# timeout: 240
. /tests/lib/lib.sh

for i in 1 2 3; do
	d=$(dev_null 64)
	eval d$i="$d"
	partition "$d" 1:8 16:40
	mkfs.ext4 -q "${d}p2"
	mkdir /tmp/m$i
	mount "${d}p2" /tmp/m$i
	try blksnapctl attach --whole-disk "$d"
	put "$d" 1024 4096 1
done

# taken STORAGE DISK: created, added and taken
taken() { id=$(snapshot 30 "$1" "$2"); }

# refused STORAGE DISK
refused() {
	id=$(blksnapctl create --limit 8M "$1")
	try blksnapctl add "$id" "$2"
	if blksnapctl take "$id" 2>/tmp/error; then fail "storages lie in a circle"; fi
	grep -q EBUSY /tmp/error || fail "$(cat /tmp/error)"
	kernel_log | tail -n 2 | grep "choose another place for one of them" || fail "$(kernel_log | tail -n 3)"
	try blksnapctl destroy "$id"
}

taken /tmp/m2 "$d1"; one=$id
refused /tmp/m1 "$d2"
taken /tmp/m3 "$d2"; two=$id
refused /tmp/m1 "$d3"
refused /tmp/m2 "$d3"

# The chain: what is kept of the first disk is written to the second, and what that overwrites to the third.
put "$d1" 1024 4096 2
put "$d2" 1024 4096 2
sync
for d in "$d1" "$d2"; do
	same "$d" 1024 4096 2 || fail "a write to $d was lost"
	same "$(image "$d")" 1024 4096 1 || fail "the image of $d"
done

# A circle that is broken is none.
try blksnapctl destroy "$two"
try blksnapctl destroy "$one"
taken /tmp/m1 "$d2"
