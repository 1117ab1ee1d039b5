// SPDX-License-Identifier: GPL-2.0
/*
 * the modules unload and load again while I/O runs, not while a filter is attached, and say why they cannot load
 * timeout: 120
 * kernels: 6.1 6.12 sanitizer
 * long: sanitizer
 */
#include "filter.h"

static void unload(void)
{
	check(!sh_status("rmmod t_filter"), "t_filter does not unload");
	check(!sh_status("[ ! -e /sys/module/blksnap ] || rmmod blksnap"), "blksnap does not unload");
	check(!sh_status("rmmod blkfilter"), "blkfilter does not unload");
}

int main(void)
{
	char *disk, part[64];
	bool blksnap = !access("/sys/module/blksnap", F_OK);
	int fd, p1, i;

	load_filters();
	disk = strdup(sh("dev_null 64"));
	snprintf(part, sizeof(part), "%sp1", disk);
	check(!sh_status("partition %s 1:30 32:30", disk), "partition");
	fd = open_dev(disk, O_RDWR);
	p1 = open_dev(part, O_RDWR);
	check(!sh_status("for d in %sp1 %sp2 %s; do (until [ -e /tmp/stop ]; do dd if=/dev/zero of=$d bs=64k count=64 "
			 "seek=200 oflag=direct conv=notrunc 2>/dev/null || touch /tmp/failed; done) >/dev/null 2>&1 & done; sleep 0.2",
			 disk, disk, disk), "dd");
	for (i = 0; i < 4; i++) {
		load_filters();
		must(bf_attach_opt(fd, T_FILTER_COUNT, NULL, 0));
		must(bf_attach_opt(p1, T_FILTER_WRITES, NULL, 0));
		filter_mode(fd, T_FILTER_COUNT, i & 1 ? T_MODE_DELAY : T_MODE_OWN_BIO);
		filter_mode(p1, T_FILTER_WRITES, i & 1 ? T_MODE_LATER : 0);
		usleep(50000);
		check(sh_status("rmmod t_filter 2>/dev/null"), "the driver unloads while attached");
		check(sh_status("rmmod blkfilter 2>/dev/null"), "blkfilter unloads while in use");
		must(bf_detach_name(fd, T_FILTER_COUNT));
		must(bf_detach_name(p1, T_FILTER_WRITES));
		unload();
		check(sh_status("test -e /sys/class/block/%s/filter", strrchr(disk, (int)'/') + 1), "sysfs files are left");
	}
	check(!sh_status("touch /tmp/stop"), "touch");

	/* with ftrace off there is no way in */
	check(!sh_status("echo 0 >/proc/sys/kernel/ftrace_enabled"), "ftrace_enabled");
	check(sh_status("modprobe blkfilter 2>/dev/null"), "blkfilter loads with ftrace off");
	check(!sh_status("echo 1 >/proc/sys/kernel/ftrace_enabled"), "ftrace_enabled");
	check(!sh_status("dmesg | grep -q 'ftrace_enabled=1'"), "the refusal was not explained");
	check(!sh_status("modprobe %s", blksnap ? "blksnap" : "blkfilter"), "the module does not load again");
	check(access("/tmp/failed", F_OK), "a write failed");
	return 0;
}
