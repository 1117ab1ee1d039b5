# every command of blksnapctl does what it says
# timeout: 120
# long: sanitizer
. /tests/lib/lib.sh
d=$(dev_null 16); other=$(dev_null 16)
storage=$(storage_dir)
equal "$(blksnapctl version)" 2.0.0.0 version
blksnapctl features >/tmp/features
for f in epoch release small-copy watermark device-events poll stat whole-disk group-instant; do
	grep -qx $f /tmp/features || fail "feature $f is missing"
done

# tracking
try blksnapctl attach "$d"
blksnapctl info "$d" >/tmp/info
for line in "capacity        16777216 bytes" "tracking block  65536 bytes" "blocks          256" "changes number  0"; do
	grep -qx "$line" /tmp/info || fail "info lacks '$line': $(cat /tmp/info)"
done
id=$(snapshot 8 "$storage" "$d"); try blksnapctl destroy "$id"
try blksnapctl dirty "$d" 0:1 256:128
equal "$(blksnapctl map --extents "$d" | tr '\n' ,)" "0 65536,131072 65536," extents
try blksnapctl map --output /tmp/map "$d"
equal "$(stat -c %s /tmp/map)" 256 "size of the map"
equal "$(blksnapctl map "$d" | cmp - /tmp/map && echo same)" same "the map on stdout and in a file"
blksnapctl epoch "$d" | grep -qx 'epoch        1' || fail "$(blksnapctl epoch "$d")"

# a snapshot by steps
put "$d" 0 1024 1
id=$(blksnapctl create --limit 32M "$storage")
equal "$(blksnapctl list)" "$id" list
try blksnapctl add "$id" "$d"
try blksnapctl take "$id"
image=$(blksnapctl image "$d")
[ -b "$image" ] || fail "no $image"
blksnapctl info "$d" | grep -qx "image           $image" || fail "info does not show the image"
put "$d" 0 1024 2
same "$image" 0 1024 1
blksnapctl stat "$d" >/tmp/stat; cat /tmp/stat
grep -qx 'copied aside            1048576 bytes' /tmp/stat || fail "stat of the device"
blksnapctl stat "$id" >/tmp/stat; cat /tmp/stat
grep -qx 'limit      33554432 bytes' /tmp/stat || fail "stat of the snapshot"
grep -qx 'devices    1' /tmp/stat || fail "stat of the snapshot"

# events
try blksnapctl watermark "$id" 2M
refuse blksnapctl events --timeout 100 "$id"
put "$d" 4096 4096 2
blksnapctl wait --timeout 60000 --count 1 "$id" | tee /tmp/event
grep -q 'event=watermark used_bytes=[0-9]* limit_bytes=33554432' /tmp/event || fail "no watermark"

# release
try blksnapctl release on "$d"
try blksnapctl release range "$d" 0 64K
refuse dd if="$image" of=/dev/null bs=4k count=1 iflag=direct
same "$image" 64 960 1
try blksnapctl release off "$d"
try blksnapctl destroy "$id"
equal "$(blksnapctl list)" "" "the list at the end"
refuse blksnapctl image "$d"

# at once; and the next increment
id=$(blksnapctl snapshot --limit 32M "$storage" "$d" "$other")
put "$other" 0 64 1
[ "$(blksnapctl image "$d")" != "$(blksnapctl image "$other")" ]
equal "$(blksnapctl map --extents --since 2 "$d")" "$(printf '0 1048576\n4194304 4194304')" "what changed since the second take"
try blksnapctl destroy "$id"
refuse blksnapctl snapshot --limit 32M "$storage" "$d" "$d"
equal "$(blksnapctl list)" "" "what a failed snapshot leaves"

# events of devices
blksnapctl events --devices --timeout 60000 --count 1 >/tmp/changed &
# Nothing tells when it has subscribed: each setting of the threshold arms it anew.
until [ -s /tmp/changed ]; do
	try blksnapctl threshold "$other" 128K
	put "$other" 0 1024 5
	sleep 0.2
done
wait
grep -q 'event=changed device=.* changed_bytes=[1-9][0-9]*$' /tmp/changed || fail "no event: $(cat /tmp/changed)"
try blksnapctl detach "$d"
equal "$(cat /sys/block/"${d#/dev/}"/filter)" "" "the filter after detach"
