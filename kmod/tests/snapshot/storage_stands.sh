# a take whose storage does not write ends, and the next one, once it does, is right
# timeout: 150
# long: sanitizer
. /tests/lib/lib.sh
d=$(dev_null 16); put "$d" 0 16384 1
x=$(dm_linear stands "$(dev_null 32)")
attach "$d"
id=$(blksnapctl create --limit 16M "$x")
try blksnapctl add "$id" "$d"
try dmsetup suspend stands
for i in 1 2; do
	if blksnapctl take "$id" 2>/tmp/error; then fail "taken with a storage that does not write"; fi
	grep -q ETIMEDOUT /tmp/error || fail "$(cat /tmp/error)"
	put "$d" 0 64 1		# nothing is held back
done
try dmsetup resume --noudevsync stands
try blksnapctl take "$id"
put "$d" 0 16384 2
same "$(image "$d")" 0 16384 1 || fail "the image after a storage that had stood still"
same "$d" 0 16384 2 || fail "a write was lost"
try blksnapctl destroy "$id"
