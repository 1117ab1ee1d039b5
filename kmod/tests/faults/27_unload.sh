# fault 27: the module does not unload while a snapshot lives, even one without devices
. /tests/lib/lib.sh
id=$(blksnapctl create --limit 4M "$(storage_dir)")
refuse rmmod blksnap
try blksnapctl destroy "$id"
try rmmod blksnap
[ ! -e /sys/module/blkfilter/refcnt ] || try rmmod blkfilter	# unless it is part of the kernel
try modprobe blksnap
d=$(dev_null 8); attach "$d"
id=$(snapshot 16 "$(storage_dir)" "$d")
refuse rmmod blksnap
put "$d" 0 64 1
try blksnapctl destroy "$id"
