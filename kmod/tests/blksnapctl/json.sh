# what blksnapctl --json prints is JSON with the fields that scripts rely on
# long: sanitizer
. /tests/lib/lib.sh
d=$(dev_null 8)
attach "$d"
matches() {	# REGEX ARGUMENTS...
	_regex=$1; shift
	_out=$(blksnapctl --json "$@")
	echo "$_out" | grep -qE "^$_regex\$" || fail "blksnapctl --json $*: $_out"
}
uuid='"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"'
matches '\{"version": "2.0.0.0"\}' version
matches '\[("[a-z-]+"(, )?)+\]' features
matches '\[\]' list
matches "\\{\"device\": \"$d\", \"capacity_bytes\": 8388608, \"block_size\": 65536, \"block_count\": 128, \"generation_id\": $uuid, \"changes_number\": 0\\}" info "$d"
matches "\\{\"tracking_id\": $uuid, \"epoch\": 0, \"map_epoch\": [0-9]+, \"oldest_base\": [0-9]+\\}" epoch "$d"
matches "\\{\"id\": $uuid\\}" create --limit 16M /tmp
matches "\\[$uuid\\]" list
id=$(blksnapctl list)
try blksnapctl add "$id" "$d"
try blksnapctl take "$id"
matches '\{"image": "/dev/blksnap-image_[0-9]+:[0-9]+"\}' image "$d"
put "$d" 64 64 1
matches '\{"limit_bytes": 16777216, "allocated_bytes": [0-9]+, "used_bytes": [0-9]+, "error": 0, "devices": 1\}' stat "$id"
matches '\{"written_bytes": 65536, "changed_blocks": 1, "copied_bytes": 65536, "released_bytes": 0, "writes": [0-9]+, "waited_writes": [0-9]+, "latency_log2_ns": \[([0-9]+(, )?){32}\]\}' stat "$d"
try blksnapctl dirty "$d" 128:128 512:1
matches "\\{\"generation_id\": $uuid, \"changes_number\": 1, \"since\": 0, \"extents\": \\[\\{\"byte_offset\": 65536, \"size_bytes\": 65536\\}, \\{\"byte_offset\": 262144, \"size_bytes\": 65536\\}\\], \"changed_bytes\": 131072\\}" map "$d"
