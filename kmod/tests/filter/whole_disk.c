// SPDX-License-Identifier: GPL-2.0
/* fault 26: a filter on a whole disk covers its partitions when asked to, and conflicts are refused */
#include "filter.h"

static char *disk, part[2][64];

static void covered(void)
{
	int fd = attach_whole(disk, T_FILTER_COUNT);
	int p1 = open_dev(part[0], O_RDWR | O_DIRECT);
	int p2 = open_dev(part[1], O_RDWR | O_DIRECT);
	struct t_stat stat;

	put_direct(p1, 0, 64 * KIB);
	map_is(fd, T_FILTER_COUNT, 1 * MIB, 64 * KIB, 1);
	filter_clear(fd, T_FILTER_COUNT);
	put_direct(p2, 4 * MIB, 1 * MIB);
	map_is(fd, T_FILTER_COUNT, 36 * MIB, 1 * MIB, 1);
	filter_clear(fd, T_FILTER_COUNT);
	put_direct(fd, 512 * KIB, 1 * MIB);
	map_is(fd, T_FILTER_COUNT, 512 * KIB, 1 * MIB, 1);

	/* the driver's own reads go to the right place, and are not seen */
	filter_mode(fd, T_FILTER_COUNT, T_MODE_OWN_BIO);
	put_direct(p2, 29 * MIB, 1 * MIB);
	stat = filter_stat(fd, T_FILTER_COUNT);
	check(stat.own && !stat.own_errors && !stat.outside, "own reads: %llu, failed: %llu, outside: %llu",
	      stat.own, stat.own_errors, stat.outside);
	check(stat.bios == stat.writes, "own reads came to the filter");

	want(bf_attach_opt(p1, T_FILTER_WRITES, NULL, 0), -EBUSY);
	want(bf_attach_opt(p1, T_FILTER_COUNT, NULL, 0), -EBUSY);
	check(!sh_status("dmesg | grep -q 'on the whole disk .* covers this partition'"),
	      "the refusal was not explained");
	want(bf_detach_name(p1, T_FILTER_COUNT), -ENOENT);
	want(bf_ctl_name(p1, T_FILTER_COUNT, T_CMD_CLEAR, NULL, 0), -ENOENT);
	check(!*bf_sysfs(part[0]), "the partition's file shows '%s'", bf_sysfs(part[0]));
	close(p1);
	close(p2);

	/* partitions that come later are covered as well */
	check(!sh_status("partition %s 2:10 20:10", disk), "partition");
	p2 = open_dev(part[1], O_RDWR | O_DIRECT);
	filter_clear(fd, T_FILTER_COUNT);
	put_direct(p2, 0, 64 * KIB);
	map_is(fd, T_FILTER_COUNT, 20 * MIB, 64 * KIB, 1);
	close(p2);
	must(bf_detach_name(fd, T_FILTER_COUNT));
	close(fd);
}

static void conflicts(void)
{
	int fd = open_dev(disk, O_RDWR | O_DIRECT);
	int p1 = attach(part[0], T_FILTER_COUNT);
	uint32_t whole = T_OPT_WHOLE_DISK;

	want(bf_attach_opt(fd, T_FILTER_COUNT, &whole, sizeof(whole)), -EBUSY);
	check(!sh_status("dmesg | grep -q 'has a filter of its own'"), "the refusal was not explained");
	check(filter_refs() == 1, "module references: %ld", filter_refs());

	/* not covering, the disk's filter sees what is sent to the disk itself */
	want(bf_attach_opt(fd, T_FILTER_WRITES, NULL, 0), 0);
	put_direct(p1, 0, 64 * KIB);
	map_is(p1, T_FILTER_COUNT, 0, 64 * KIB, 1);
	map_is(fd, T_FILTER_WRITES, 0, 0, 0);
	put_direct(fd, 0, 64 * KIB);
	map_is(fd, T_FILTER_WRITES, 0, 64 * KIB, 1);
	map_is(p1, T_FILTER_COUNT, 0, 64 * KIB, 1);
	must(bf_detach_name(fd, T_FILTER_WRITES));
	must(bf_detach_name(p1, T_FILTER_COUNT));

	want(bf_attach_opt(p1, T_FILTER_COUNT, &whole, sizeof(whole)), -EINVAL);
	check(filter_refs() == 0, "module references: %ld", filter_refs());
	close(p1);
	close(fd);
}

int main(void)
{
	load_filters();
	disk = strdup(sh("dev_null 64"));
	check(!sh_status("partition %s 1:30 32:30", disk), "partition");
	snprintf(part[0], sizeof(part[0]), "%sp1", disk);
	snprintf(part[1], sizeof(part[1]), "%sp2", disk);
	covered();
	conflicts();
	return 0;
}
