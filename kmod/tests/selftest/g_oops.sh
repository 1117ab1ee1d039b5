# a test that crashes the kernel
. /tests/lib/lib.sh
echo c >/proc/sysrq-trigger
sleep 30
