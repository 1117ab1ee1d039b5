# fault 2: where the old data cannot be read, the write goes through and the image is marked corrupted
# timeout: 90
# long: sanitizer
. /tests/lib/lib.sh
# A disk that cannot read sectors 2048..2055 while its option 2 is on, but can write them.
d=$(dev_scsi 32 medium_error_start=2048 medium_error_count=8)
bad() { echo "$1" >/sys/bus/pseudo/drivers/scsi_debug/opts; }
put "$d" 0 32768 1
attach "$d"
id=$(snapshot 64 "$(storage_dir)" "$d")
bad 2
refuse same "$d" 1024 4 1
put "$d" 1024 4 2		# copy-on-write cannot read these, and the write must not care
bad 0
same "$d" 1024 4 2 || fail "the write was lost"
error=$(blksnapctl --json info "$d" | sed -n 's/.*"image_error": \(-*[0-9]*\).*/\1/p')
[ "$error" -lt 0 ] || fail "the image has no error: '$error'"
blksnapctl events --timeout 60000 --count 1 "$id" | tee /tmp/event
grep -q "event=corrupted.* error=${error#-}$" /tmp/event || fail "the event is missing, or of another error than $error"
refuse dd if=/dev/blksnap-image_"$(cat /sys/block/"${d#/dev/}"/dev)" of=/dev/null bs=4k count=1 iflag=direct
# Everything else goes on.
put "$d" 2048 64 3; same "$d" 2048 64 3
try blksnapctl destroy "$id"
id=$(snapshot 64 "$(storage_dir)" "$d")
put "$d" 2048 64 4
image=$(image "$d") || exit 1
same "$image" 2048 64 3 || fail "the next snapshot is not right"
