# fault 7: a write past the map of a device that grew is tracked in a new generation, not skipped
# long: sanitizer
. /tests/lib/lib.sh
low=$(dev_null 64)
d=$(dm_linear grow "$low" 0 $((8 * 2048)))
attach "$d"
id=$(snapshot 16 "$(storage_dir)" "$d"); try blksnapctl destroy "$id"
blksnapctl info "$d" >/tmp/before
dm_table grow "0 $((32 * 2048)) linear $low 0"
put "$d" $((20 * 1024)) 64 7
id=$(snapshot 16 "$(storage_dir)" "$d")
blksnapctl info "$d" | tee /tmp/after
equal "$(sed -n 's/^capacity *\([0-9]*\).*/\1/p' /tmp/after)" $((32 << 20)) capacity
equal "$(sed -n 's/^blocks *//p' /tmp/after)" 512 blocks
[ "$(grep generation /tmp/before)" != "$(grep generation /tmp/after)" ] || fail "the generation is the same"
# What comes after is tracked and copied, also past the old end.
put "$d" $((24 * 1024)) 64 8
refuse same "$(image "$d")" $((24 * 1024)) 64 8
same "$(image "$d")" $((20 * 1024)) 64 7 || fail "the image is not as the device was"
try blksnapctl destroy "$id"
number=$(sed -n 's/^changes number *//p' /tmp/after)
id=$(snapshot 16 "$(storage_dir)" "$d")
equal "$(blksnapctl map --extents --since "$number" "$d")" "$((24 << 20)) 65536" "the next increment"
