#!/bin/sh
# reads of a snapshot's image by fio, as ratios to reads of its source without a filter
# timeout: 3000
# needs: fio
# shellcheck shell=dash
. /tests/lib/lib.sh

size=64
dev_brd $size 3 >/dev/null

# rate DEVICE RW BS: KiB a second; the VM's clock counts instructions
rate() {
	# A colon would end the name.
	fio --name=bench --filename="$(echo "$1" | sed 's/:/\\:/')" --rw="$2" --bs="$3" --size=${size}m --ioengine=libaio --direct=1 --iodepth=4 \
		--thread --output-format=terse --terse-version=3 | awk -F';' '{ print $7 + $48 }'
}

report() { printf '%-52s %9d KiB/s %s\n' "$1" "$2" "$(awk "BEGIN { printf \"%.3f\", $2 / $3 }")"; }

# RAM disks take a page when one is first written.
for disk in /dev/ram0 /dev/ram1; do
	dd if=/dev/zero of=$disk bs=1M count=$size oflag=direct 2>/dev/null
done
base_4k=$(rate /dev/ram0 read 4k)
base_1m=$(rate /dev/ram0 read 1m)
report "read 4k, source" "$base_4k" "$base_4k"
report "read 1m, source" "$base_1m" "$base_1m"
attach /dev/ram0
for where in /dev/ram1 "$(storage_dir)"; do
	id=$(snapshot $((size * 2)) "$where" /dev/ram0)
	image=$(image /dev/ram0)
	what="storage ${where%.*}"
	report "read 4k, unmodified" "$(rate "$image" read 4k)" "$base_4k"
	report "read 1m, unmodified" "$(rate "$image" read 1m)" "$base_1m"
	rate /dev/ram0 write 1m >/dev/null
	sleep 2	# until all is stored
	report "read 4k, overwritten, $what" "$(rate "$image" read 4k)" "$base_4k"
	report "read 1m, overwritten, $what" "$(rate "$image" read 1m)" "$base_1m"
	try blksnapctl destroy "$id"
done
