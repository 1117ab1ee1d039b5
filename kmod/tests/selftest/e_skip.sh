# a test that is skipped
. /tests/lib/lib.sh
skip "no such device here"
