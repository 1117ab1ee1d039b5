# SPDX-License-Identifier: GPL-2.0
# For tests of storages that lie on their own source, with lib.sh.

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

# on_a_filesystem TYPE DEVICE DIRECTORY
on_a_filesystem() {
	mkfs."$1" -q "$2" || fail "mkfs.$1 $2"
	mkdir -p "$3"
	mount -t "$1" "$2" "$3" || fail "mount $2"
}
