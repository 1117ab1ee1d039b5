// SPDX-License-Identifier: GPL-2.0
/*
 * blksnap: tracks what changes on block devices, and takes snapshots of them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include "control.h"
#include "diff_area.h"
#include "image.h"
#include "snapshot.h"
#include "stack.h"
#include "stat.h"
#include "tracker.h"

static int __init blksnap_init(void)
{
	int ret;

	ret = pieces_init();
	if (ret)
		return ret;
	ret = image_init();
	if (ret)
		goto pieces;
	ret = stack_init();
	if (ret)
		goto image;
	ret = take_init();
	if (ret)
		goto stack;
	ret = tracker_init();
	if (ret)
		goto take;
	ret = control_init();
	if (ret)
		goto tracker;
	stat_init();
	return 0;
tracker:
	tracker_exit();
take:
	take_exit();
stack:
	stack_exit();
image:
	image_exit();
pieces:
	pieces_exit();
	return ret;
}

/* A snapshot keeps the module; what is attached does so too. */
static void __exit blksnap_exit(void)
{
	stat_exit();
	control_exit();
	tracker_exit();
	take_exit();
	stack_exit();
	image_exit();
	pieces_exit();
}

module_init(blksnap_init);
module_exit(blksnap_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Change tracking and copy-on-write snapshots of block devices");
MODULE_VERSION("2.0.0.0");
