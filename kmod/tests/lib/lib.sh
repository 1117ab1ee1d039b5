# SPDX-License-Identifier: GPL-2.0
# For tests in shell: `. /tests/lib/lib.sh`. Devices made here are removed by
# the harness after the test; so are snapshots, filters, mounts and processes.

set -eu

fail() { echo "FAIL: $*" >&2; exit 1; }
skip() { echo "$*"; exit 4; }

# try CMD...: the command has to succeed
try() { "$@" || fail "$* -> $?"; }

# refuse CMD...: the command has to fail
refuse() { if "$@"; then fail "succeeded, and should not: $*"; fi; }

# equal GOT WANTED WHAT
equal() { [ "$1" = "$2" ] || fail "$3: got '$1', expected '$2'"; }

# wait_for SECONDS CMD...: until the command succeeds
wait_for() {
	_tries=$(($1 * 10)); shift
	while ! "$@" >/dev/null 2>&1; do
		_tries=$((_tries - 1))
		[ $_tries -gt 0 ] || fail "did not happen in time: $*"
		sleep 0.1
	done
}

# wait_node PATH: until the block device is there
wait_node() { wait_for 10 test -b "$1"; }

is_sanitizer() { [ -e /sys/kernel/debug/kmemleak ]; }
kernel_is() { case $(uname -r) in $1.*) return 0;; esac; return 1; }
kernel_log() { dmesg; }

# Devices. Each function prints the device's path.

# dev_null MiB [attribute=value ...]: null_blk that keeps its data
# (attributes as in configfs: blocksize submit_queues discard max_sectors ...)
dev_null() {
	_mb=$1; shift
	modprobe null_blk nr_devices=0 || fail "null_blk does not load"
	_n=0
	while ! mkdir /sys/kernel/config/nullb/nullb$_n 2>/dev/null; do
		_n=$((_n + 1)); [ $_n -lt 64 ] || fail "no null_blk device"
	done
	_dir=/sys/kernel/config/nullb/nullb$_n
	echo "$_mb" >$_dir/size
	echo 1 >$_dir/memory_backed
	for _a in "$@"; do
		echo "${_a#*=}" >"$_dir/${_a%%=*}" || fail "null_blk has no $_a"
	done
	echo 1 >$_dir/power || fail "null_blk does not start"
	_index=$(cat $_dir/index)
	if [ -e /sys/block/nullb$_n ]; then _index=$_n; fi
	wait_node /dev/nullb$_index
	echo /dev/nullb$_index
}

# null_remove DEVICE: as if it were pulled out
null_remove() { echo 0 >/sys/kernel/config/nullb/"${1#/dev/}"/power; }

# dev_loop MiB [FILE] [losetup options ...]: on a file, on tmpfs unless named
dev_loop() {
	_mb=$1; shift
	_file=
	case ${1:-} in ''|-*) ;; *) _file=$1; shift;; esac
	[ -n "$_file" ] || _file=$(mktemp /tmp/loop.XXXXXX)
	truncate -s "${_mb}M" "$_file" || fail "cannot make $_file"
	losetup -f --show "$@" "$_file" || fail "losetup"
}

# dev_brd MiB [N]: N RAM disks, /dev/ram0 ...; prints the first
dev_brd() {
	modprobe brd rd_nr="${2:-1}" rd_size=$(($1 * 1024)) || fail "brd does not load"
	wait_node /dev/ram0
	echo /dev/ram0
}

# dev_scsi MiB [scsi_debug options ...]
dev_scsi() {
	_mb=$1; shift
	modprobe -q sd_mod || :	# may be built in
	modprobe scsi_debug dev_size_mb="$_mb" delay=0 "$@" || fail "scsi_debug does not load"
	for _i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
		for _s in /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*:*/block/sd*; do
			if [ -b "/dev/${_s##*/}" ]; then
				echo "/dev/${_s##*/}"
				return
			fi
		done
		sleep 0.1
	done
	fail "scsi_debug shows no disk"
}

sectors() { blockdev --getsz "$1"; }

# dm NAME TABLE: a device-mapper device of one target, "0 LENGTH TYPE ..."
dm() {
	modprobe -q dm-mod || :
	case $2 in
	*" flakey "*) modprobe dm-flakey;;
	*" snapshot"*) modprobe dm-snapshot;;
	*" delay "*) modprobe dm-delay;;
	esac
	dmsetup create "$1" --noudevsync --table "$2" || fail "dmsetup create $1: $2"
	[ -b "/dev/mapper/$1" ] || dmsetup mknodes "$1"
	wait_node "/dev/mapper/$1"
	echo "/dev/mapper/$1"
}

# dm_linear NAME DEVICE [START [LENGTH]], in sectors
dm_linear() { dm "$1" "0 ${4:-$(($(sectors "$2") - ${3:-0}))} linear $2 ${3:-0}"; }

# dm_table NAME TABLE: swaps the table under I/O
dm_table() {
	# without freezing what is mounted, which fails where its device has failed
	dmsetup suspend --nolockfs "$1" && dmsetup load "$1" --table "$2" && dmsetup resume "$1" --noudevsync ||
		fail "dmsetup load $1: $2"
}

# dm_flakey NAME DEVICE: sound until dm_break, which makes all its writes fail
# (dm_break NAME DEVICE error_reads for reads instead)
dm_flakey() { dm "$1" "0 $(sectors "$2") flakey $2 0 3600 0"; }
dm_break() { dm_table "$1" "0 $(sectors "$2") flakey $2 0 0 3600 1 ${3:-error_writes}"; }
dm_mend() { dm_table "$1" "0 $(sectors "$2") flakey $2 0 3600 0"; }

# dev_md LEVEL DEVICE...: 0 or 1
dev_md() {
	_level=$1; shift
	modprobe raid"$_level" || fail "raid$_level does not load"
	mdadm --create /dev/md0 --run --quiet --metadata=1.2 --assume-clean --level="$_level" \
		--raid-devices=$# "$@" >/dev/null 2>&1 || fail "mdadm"
	wait_node /dev/md0
	echo /dev/md0
}

# partition DEVICE [START:SIZE ...]: in MiB; up to four, in a DOS table
partition() {
	try mbr "$@"
	blockdev --rereadpt "$1" || fail "partition table of $1"
}

# Data.

# put DEVICE OFFSET_KiB LENGTH_KiB SEED: reproducible bytes, written directly
put() { testdata write "$1" $(($2 * 1024)) $(($3 * 1024)) "$4" || fail "write to $1"; }
# same DEVICE OFFSET_KiB LENGTH_KiB SEED: whether these are there
same() { testdata check "$1" $(($2 * 1024)) $(($3 * 1024)) "$4"; }
# digest DEVICE [OFFSET_KiB LENGTH_KiB]
digest() {
	if [ $# -gt 1 ]; then dd if="$1" bs=1k skip="$2" count="$3" 2>/dev/null; else cat "$1"; fi | sha256sum | cut -d' ' -f1
}

# Snapshots.

# storage_dir: a tmpfs directory for difference storage
storage_dir() { mktemp -d /tmp/diff.XXXXXX; }

attach() { for _d in "$@"; do try blksnapctl attach "$_d"; done; }

# snapshot LIMIT_MiB STORAGE DEVICE...: create, add, take; prints the id
snapshot() {
	_id=$(blksnapctl create --limit "$1M" "$2") || fail "create on $2"
	shift 2
	for _d in "$@"; do
		blksnapctl add "$_id" "$_d" || fail "add $_d"
	done
	blksnapctl take "$_id" || fail "take"
	echo "$_id"
}

# image DEVICE: path of its snapshot image
image() { blksnapctl image "$1" || fail "$1 has no image"; }
