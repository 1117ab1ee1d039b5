# every kind of test device can be made, and the harness removes it
# timeout: 120
. /tests/lib/lib.sh
n=$(dev_null 32 discard=1); put "$n" 0 1024 5; same "$n" 0 1024 5; refuse same "$n" 0 1024 6
l=$(dev_loop 32); put "$l" 0 64 5; same "$l" 0 64 5
b=$(dev_brd 16); put "$b" 0 64 5; same "$b" 0 64 5
s=$(dev_scsi 16); put "$s" 0 64 5; same "$s" 0 64 5
f=$(dm_flakey flak "$n"); put "$f" 0 64 7; same "$f" 0 64 7
dm_break flak "$n"; refuse testdata write "$f" 0 4096 8; dm_mend flak "$n"; same "$f" 0 64 7
lin=$(dm_linear lin "$l" 2048 8192); put "$lin" 0 64 9; same "$lin" 0 64 9; equal "$(digest "$lin" 0 64)" "$(digest "$l" 1024 64)" "data of the linear device"
m=$(dev_md 1 /dev/vda /dev/vdb); put "$m" 0 64 5; same "$m" 0 64 5
partition /dev/vdc 1:16 20:16; [ -b /dev/vdc2 ]
mkfs.ext4 -q /dev/vdc1; mount /dev/vdc1 /mnt; touch /mnt/file
for fs in xfs btrfs; do modprobe $fs; grep -q $fs /proc/filesystems; done
