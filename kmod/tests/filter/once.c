// SPDX-License-Identifier: GPL-2.0
/*
 * a filter sees each bio once, wherever and however it is split below, at its place on the device
 * long: sanitizer
 */
#include "filter.h"

static void partition_and_disk(const char *name, const char *dev)
{
	int fd = attach(dev, name);
	struct t_stat stat;

	/* one bio of many pages, far larger than the driver takes at once */
	put_direct(fd, 1 * MIB, 1 * MIB);
	map_is(fd, name, 1 * MIB, 1 * MIB, 1);
	stat = filter_stat(fd, name);
	check(stat.sectors == 2048, "%llu sectors written, not 2048", stat.sectors);
	check(stat.writes <= 4, "%llu writes: the pieces were seen again", stat.writes);
	check(!stat.outside && !stat.in_list, "%llu bios outside of the device, %llu in a list",
	      stat.outside, stat.in_list);

	/* the same seen at its place from another task at the same time */
	filter_clear(fd, name);
	check(!sh_status("for i in 0 1 2 3 4 5 6 7; do dd if=/dev/zero of=%s bs=512k count=1 seek=$i oflag=direct "
			 "conv=notrunc 2>/dev/null & done; wait", dev), "dd");
	map_is(fd, name, 0, 4 * MIB, 1);

	/* own I/O of the driver in between does not disturb */
	filter_mode(fd, name, T_MODE_OWN_BIO);
	filter_clear(fd, name);
	put_direct(fd, 0, 1 * MIB);
	map_is(fd, name, 0, 1 * MIB, 1);
	stat = filter_stat(fd, name);
	check(stat.own && !stat.own_errors, "%llu own reads, %llu failed", stat.own, stat.own_errors);
	check(stat.bios == stat.writes, "own reads came to the filter: %llu bios, %llu writes", stat.bios, stat.writes);

	filter_mode(fd, name, T_MODE_GUARD);
	filter_clear(fd, name);
	put_direct(fd, 0, 1 * MIB);
	map_is(fd, name, 0, 1 * MIB, 1);
	stat = filter_stat(fd, name);
	check(stat.own && !stat.own_errors, "%llu guarded reads, %llu failed", stat.own, stat.own_errors);
	check(stat.bios == stat.writes, "guarded reads came to the filter: %llu bios, %llu writes",
	      stat.bios, stat.writes);

	filter_mode(fd, name, T_MODE_LATER);
	filter_clear(fd, name);
	put_direct(fd, 2 * MIB, 1 * MIB);
	map_is(fd, name, 2 * MIB, 1 * MIB, 1);
	must(bf_detach_name(fd, name));
	close(fd);
}

int main(void)
{
	const char *disk;
	char part[64];

	load_filters();
	disk = strdup(sh("dev_null 64 max_sectors=8 discard=1"));
	check(!sh_status("partition %s 1:30 32:30", disk), "partition");
	snprintf(part, sizeof(part), "%sp2", disk);
	partition_and_disk(T_FILTER_COUNT, disk);
	partition_and_disk(T_FILTER_WRITES, part);
	return 0;
}
