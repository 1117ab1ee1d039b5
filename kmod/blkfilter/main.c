// SPDX-License-Identifier: GPL-2.0
/*
 * Filters of block devices, for kernels that have none: see linux/blk-filter.h.
 */
#include <linux/module.h>
#include "blkfilter.h"

static int __init blkfilter_init(void)
{
	int ret;

	/* First what fails if someone else has the same idea. */
	ret = blkfilter_hook_init();
	if (ret)
		return ret;
	ret = blkfilter_device_init();
	if (ret) {
		blkfilter_hook_ioctl_exit();
		blkfilter_hook_exit();
	}
	return ret;
}

static void __exit blkfilter_exit(void)
{
	blkfilter_hook_ioctl_exit();
	blkfilter_device_exit();
	blkfilter_hook_exit();
}

module_init(blkfilter_init);
module_exit(blkfilter_exit);
MODULE_DESCRIPTION("Filters of block devices, by ftrace");
MODULE_LICENSE("GPL");
