// SPDX-License-Identifier: GPL-2.0
/*
 * the file filter in sysfs of disks and partitions shows the name of the filter, or an empty line
 * long: sanitizer
 */
#include "filter.h"

static void shows(const char *dev, const char *text)
{
	char path[100], buf[100] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/class/block/%s/filter", strrchr(dev, '/') + 1);
	fd = open(path, O_RDONLY);
	check(fd >= 0, "%s: %m", path);
	check(read(fd, buf, sizeof(buf) - 1) >= 0, "%s: %m", path);
	check(!strcmp(buf, text), "%s shows '%s', not '%s'", path, buf, text);
	close(fd);
}

int main(void)
{
	char *disk, part[64];
	int fd, p1;

	load_filters();
	disk = strdup(sh("dev_null 16"));
	snprintf(part, sizeof(part), "%sp1", disk);
	check(!sh_status("partition %s 1:8", disk), "partition");
	check(!access("/sys/block/vda/filter", R_OK) || !access("/sys/block/ubda/filter", R_OK), "a disk that was there before has no file");
	shows(disk, "\n");
	shows(part, "\n");
	fd = attach(disk, T_FILTER_COUNT);
	p1 = attach(part, T_FILTER_WRITES);
	shows(disk, T_FILTER_COUNT "\n");
	shows(part, T_FILTER_WRITES "\n");
	must(bf_detach_name(fd, T_FILTER_COUNT));
	shows(disk, "\n");
	shows(part, T_FILTER_WRITES "\n");
	must(bf_detach_name(p1, T_FILTER_WRITES));
	shows(part, "\n");
	return 0;
}
