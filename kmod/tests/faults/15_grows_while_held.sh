# fault 15: a source that grows while a snapshot is held keeps being copied before it is overwritten
. /tests/lib/lib.sh
low=$(dev_null 64)
d=$(dm_linear grow "$low" 0 $((8 * 2048)))
put "$d" 0 8192 1
attach "$d"
id=$(snapshot 64 "$(storage_dir)" "$d")
put "$d" 0 256 2
dm_table grow "0 $((32 * 2048)) linear $low 0"
put "$d" $((16 * 1024)) 256 3		# past the old end
put "$d" 1024 1024 3			# and within, after that
put "$d" $((8 * 1024 - 64)) 128 3	# and across
image=$(image "$d") || exit 1
equal "$(blockdev --getsize64 "$image")" $((8 << 20)) "size of the image"
same "$image" 0 8192 1 || fail "the image follows the source"
same "$d" $((16 * 1024)) 256 3 || fail "a write was lost"
