// SPDX-License-Identifier: GPL-2.0
/*
 * another module that replaces our function: the attach says EBUSY and why, and works once it is gone
 * kernels: 6.1 6.12 sanitizer
 * long: sanitizer
 */
#include "filter.h"

static bool hooked(void)
{
	return !sh_status("grep -q '^submit_bio_noacct_nocheck ' /sys/kernel/tracing/enabled_functions");
}

int main(void)
{
	int fd;

	load_filters();
	fd = open_dev(sh("dev_null 16"), O_RDWR | O_DIRECT);
	/* left over from the test before */
	check(!sh_status("sleep 3"), "sleep");

	/* nothing is hooked on the way of bios unless a filter is attached */
	check(!hooked(), "hooked without a filter");
	must(bf_attach_opt(fd, T_FILTER_COUNT, NULL, 0));
	check(hooked(), "attached, and not in enabled_functions");
	check(sh_status("modprobe t_livepatch"), "another module could replace the function as well");
	must(bf_detach_name(fd, T_FILTER_COUNT));
	check(!sh_status("sleep 3"), "sleep");
	check(!hooked(), "still hooked after the last detach");

	check(!sh_status("modprobe t_livepatch"), "t_livepatch.ko does not load");
	want(bf_attach_opt(fd, T_FILTER_COUNT, NULL, 0), -EBUSY);
	check(!sh_status("dmesg | grep -q 'cannot hook submit_bio_noacct_nocheck: a live patch'"),
	      "the refusal was not explained");
	check(filter_refs() == 0, "a refused attach left a reference");
	put_direct(fd, 0, 64 * KIB);
	check(!sh_status("rmmod t_livepatch"), "rmmod");
	must(bf_attach_opt(fd, T_FILTER_COUNT, NULL, 0));
	put_direct(fd, 0, 64 * KIB);
	map_is(fd, T_FILTER_COUNT, 0, 64 * KIB, 1);

	/* our hooks hold ftrace on */
	check(sh_status("echo 0 >/proc/sys/kernel/ftrace_enabled"), "ftrace can be switched off under a filter");
	must(bf_detach_name(fd, T_FILTER_COUNT));
	return 0;
}
