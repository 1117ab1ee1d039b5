// SPDX-License-Identifier: GPL-2.0
/*
 * drivers with a way around the filter for single pages (brd on 6.1) are refused, with a message
 * kernels: 6.1
 */
#include "filter.h"

int main(void)
{
	int fd;

	load_filters();
	fd = open_dev(sh("dev_brd 16"), O_RDWR);
	want(bf_attach_opt(fd, T_FILTER_COUNT, NULL, 0), -EOPNOTSUPP);
	check(!sh_status("dmesg | grep -q 'ram0: cannot be filtered on this kernel'"), "the refusal was not explained");
	check(filter_refs() == 0, "a refused attach left a reference");
	check(!*bf_sysfs("/dev/ram0"), "sysfs shows '%s'", bf_sysfs("/dev/ram0"));
	return 0;
}
