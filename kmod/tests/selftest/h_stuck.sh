# a test whose process cannot be killed
# timeout: 3
. /tests/lib/lib.sh
d=$(dev_null 16)
dm stuck "0 $(sectors "$d") linear $d 0" >/dev/null
# A reader of a suspended device sleeps beyond signals. The harness resumes such
# devices after a test, but only once the test itself is gone.
dmsetup suspend stuck
exec dd if=/dev/mapper/stuck of=/dev/null bs=4k count=1
