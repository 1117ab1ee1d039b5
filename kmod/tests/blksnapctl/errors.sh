# blksnapctl names the cause of an error and what to do
# timeout: 120
# long: sanitizer
. /tests/lib/lib.sh
d=$(dev_null 8)

# says STATUS TEXT ARGUMENTS...: fails with this status and a message that has this text
says() {
	_status=$1; _text=$2; shift 2
	_got=0; blksnapctl "$@" >/tmp/out 2>&1 || _got=$?
	equal $_got "$_status" "exit status of blksnapctl $*"
	grep -qF -- "$_text" /tmp/out || fail "blksnapctl $* says '$(cat /tmp/out)', not '$_text'"
}

says 2 "usage: blksnapctl"
says 1 "unknown command 'frob'" frob
says 1 "unknown option --frob" --frob list
says 2 "usage: blksnapctl [--json] attach" attach
says 0 "start to track changes" attach --help
says 0 "usage: blksnapctl" --help
says 1 "No such file or directory" attach /dev/nosuch
says 1 "not a block device" attach /dev/null
says 1 "not tracked; start with: blksnapctl attach" info "$d"
says 1 "not tracked" detach "$d"
says 1 "not a snapshot's id" take 123
says 1 "no such snapshot" take 01234567-89ab-cdef-0123-456789abcdef
says 1 "no such snapshot" destroy 0123456789abcdef0123456789abcdef
says 1 "not a size" create --limit 12X /tmp
says 1 "too large" create --limit 99999999999T /tmp
says 1 "not a size" create --limit -1 /tmp
says 1 "no such file or directory" create --limit 8M /tmp/nosuch
says 1 "has to be a directory" create --limit 8M /dev/null
try blksnapctl attach "$d"
says 1 "it is tracked already" attach "$d"
says 1 "goes past the end" dirty "$d" 99999999:1
says 1 "expected OFFSET:COUNT" dirty "$d" 5
says 1 "is not a number" dirty "$d" a:1
says 1 "no image" image "$d"
id=$(blksnapctl create --limit 8M /tmp)
says 1 "no device was added" take "$id"
try blksnapctl add "$id" "$d"
says 1 "destroy that first" detach "$d"
says 1 "in this snapshot" add "$id" "$d"
try blksnapctl take "$id"
says 1 "taken already" take "$id"
says 1 "multiples of 512" release range "$d" 0 100
says 1 "expected on DEVICE" release maybe "$d"
try blksnapctl destroy "$id"
try blksnapctl detach "$d"

rmmod blksnap
says 1 "try: modprobe blksnap" list
says 1 "try: modprobe blksnap" attach "$d"
if [ -e /sys/module/blkfilter/refcnt ]; then
	rmmod blkfilter
	says 1 "try: modprobe blksnap" attach "$d"
fi
modprobe blksnap
if [ -x /bin/setpriv ]; then
	chmod a+r "$d"
	got=$(setpriv --reuid 65534 --clear-groups blksnapctl attach "$d" 2>&1) && fail "attached without root"
	echo "$got" | grep -q "needs root" || fail "$got"
fi
