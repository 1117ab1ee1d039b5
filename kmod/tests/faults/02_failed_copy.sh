# fault 2: where the old data cannot be read, the write goes through and the image is marked corrupted
# timeout: 90
# kernels: 6.1 6.12 sanitizer
. /tests/lib/lib.sh
low=$(dev_null 32)
put "$low" 0 32768 1
# Sectors 2048..2055 cannot be read until they are written.
d=$(dm dusty "0 $(sectors "$low") dust $low 0 512")
i=2048; while [ $i -lt 2056 ]; do dmsetup message dusty 0 addbadblock $i >/dev/null; i=$((i + 1)); done
attach "$d"
id=$(snapshot 64 "$(storage_dir)" "$d")
dmsetup message dusty 0 enable
refuse same "$d" 1024 4 1
put "$d" 1024 4 2		# copy-on-write cannot read these, and the write must not care
dmsetup message dusty 0 disable
same "$d" 1024 4 2 || fail "the write was lost"
error=$(blksnapctl --json info "$d" | sed -n 's/.*"image_error": \(-*[0-9]*\).*/\1/p')
equal "$error" -5 "the image's error code"
blksnapctl events --timeout 5000 --count 1 "$id" | tee /tmp/event
grep -q event=corrupted /tmp/event || fail "no event"
grep -q error=-5 /tmp/event || fail "the event has another error"
refuse dd if=/dev/blksnap-image_$(cat /sys/class/block/dm-0/dev) of=/dev/null bs=4k count=1 iflag=direct
# Everything else goes on.
put "$d" 2048 64 3; same "$d" 2048 64 3
try blksnapctl destroy "$id"
id=$(snapshot 64 "$(storage_dir)" "$d")
put "$d" 2048 64 4
same "$(image "$d")" 2048 64 3 || fail "the next snapshot is not right"
