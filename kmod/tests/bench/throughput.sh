#!/bin/sh
# throughput of fio while a snapshot is held, as ratios to no filter in the same run
# timeout: 3000
# needs: fio
# shellcheck shell=dash
. /tests/lib/lib.sh

size=128
dev_brd $size 3 >/dev/null
source=/dev/ram0
storage=/dev/ram1

# rate DEVICE RW BS [SIZE]: KiB a second; the VM's clock counts instructions
rate() {
	fio --name=bench --filename="$1" --rw="$2" --bs="$3" --size="${4:-${size}m}" --ioengine=libaio --direct=1 \
		--iodepth=4 --thread --randrepeat=1 --output-format=terse --terse-version=3 |
		awk -F';' '{ print $7 + $48 }'
}

report() { printf '%-52s %9d KiB/s %s\n' "$1" "$2" "$(awk "BEGIN { printf \"%.3f\", $2 / $3 }")"; }

echo 2097152 >/sys/module/blksnap/parameters/diff_storage_minimum	# the default

# RAM disks take a page when one is first written.
fill() { dd if=/dev/zero of="$1" bs=1M count=$size oflag=direct 2>/dev/null; }
fill /dev/ram0
fill /dev/ram1

for work in "write 4k" "randwrite 4k" "write 1m"; do
	# shellcheck disable=SC2086
	base=$(rate $source $work)
	report "$work, no filter" "$base" "$base"
	attach $source
	# shellcheck disable=SC2086
	report "$work, tracked" "$(rate $source $work)" "$base"
	for shift in 12 16; do
		echo $shift >/sys/module/blksnap/parameters/copy_unit_shift
		for where in $storage "$(storage_dir)"; do
			id=$(snapshot $((size * 4)) "$where" $source)
			# shellcheck disable=SC2086
			report "$work, first overwrite, unit 2^$shift, ${where%.*}" "$(rate $source $work)" "$base"
			# shellcheck disable=SC2086
			report "$work, again" "$(rate $source $work)" "$base"
			try blksnapctl destroy "$id"
		done
	done
	try blksnapctl detach $source
done
