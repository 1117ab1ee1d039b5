// SPDX-License-Identifier: GPL-2.0
/* fault 17: re-reading the partition table detaches the partition's filter cleanly, without leaking a reference */
#include "filter.h"
#include <linux/blkpg.h>

static char *disk, part[64];

static int reread(int fd)
{
	return ioctl(fd, BLKRRPART) < 0 ? -errno : 0;
}

static void delete(int fd, int number)
{
	struct blkpg_partition p = { .pno = number };
	struct blkpg_ioctl_arg arg = { .op = BLKPG_DEL_PARTITION, .datalen = sizeof(p), .data = &p };

	check(!ioctl(fd, BLKPG, &arg), "BLKPG_DEL_PARTITION: %m");
}

static void check_gone(const char *how)
{
	check(filter_refs() == 0, "%s: %ld references to the driver's module are left", how, filter_refs());
}

int main(void)
{
	int fd, p1, i;

	load_filters();
	disk = strdup(sh("dev_null 64"));
	snprintf(part, sizeof(part), "%sp1", disk);
	check(!sh_status("partition %s 1:30 32:30", disk), "partition");
	fd = open_dev(disk, O_RDWR | O_DIRECT);

	for (i = 0; i < 10; i++) {
		p1 = attach(part, T_FILTER_COUNT);
		filter_mode(p1, T_FILTER_COUNT, T_MODE_STAY);
		put_direct(p1, 0, 64 * KIB);

		/* in use: the kernel refuses, and the filter stays */
		want(reread(fd), -EBUSY);
		check(filter_refs() == 1, "the filter is gone after a refused re-read");
		put_direct(p1, 0, 64 * KIB);
		map_is(p1, T_FILTER_COUNT, 0, 64 * KIB, 2);
		close(p1);

		want(reread(fd), 0);
		check_gone("re-read");
		check(!sh_status("wait_node %s", part), "%s does not come back", part);
		check(!*bf_sysfs(part), "sysfs shows '%s'", bf_sysfs(part));
		p1 = open_dev(part, O_RDWR | O_DIRECT);
		put_direct(p1, 0, 64 * KIB);
		want(bf_ctl_name(p1, T_FILTER_COUNT, T_CMD_CLEAR, NULL, 0), -ENOENT);
		close(p1);
	}

	p1 = attach(part, T_FILTER_COUNT);
	close(p1);
	delete(fd, 1);
	check_gone("deletion of the partition");

	/* another partition elsewhere under the same name */
	check(!sh_status("partition %s 8:8", disk), "partition");
	p1 = attach(part, T_FILTER_COUNT);
	put_direct(p1, 0, 64 * KIB);
	map_is(p1, T_FILTER_COUNT, 0, 64 * KIB, 1);
	must(bf_detach_name(p1, T_FILTER_COUNT));
	check_gone("detach");
	check(!sh_status("rmmod t_filter"), "the driver does not unload");
	return 0;
}
