/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_BLK_FILTER_H
#define _LINUX_BLK_FILTER_H

#include <linux/blk_types.h>
#include <linux/list.h>
#include <linux/percpu-refcount.h>

struct module;
struct blkfilter;

/**
 * struct blkfilter_operations - what a filter driver provides
 * @link: used by the mechanism
 * @owner: module of the driver
 * @name: name for the ioctls and sysfs, below BLKFILTER_NAME_LENGTH bytes
 * @attach: make a filter for @bdev. @opt is a kernel copy of the caller's
 *	options, NULL if @optlen is 0. Returns the embedded struct blkfilter or an
 *	ERR_PTR. Bios may come as soon as it returns. May sleep.
 * @prepare_detach: optional. Says whether the user may detach now: 0 or a negative
 *	errno (-EBUSY while the device is in a snapshot). Not asked on hot removal.
 * @detach: the filter is gone: no bio is in @submit_bio and none will come. Free it.
 *	Called from hot removal as well. May sleep.
 * @ctl: a command from user space. @buf is the user's pointer, @plen its length
 *	in and what was used out. Returns a non-negative result or an errno.
 * @submit_bio: a bio goes to the filtered device. May sleep unless the bio is
 *	REQ_NOWAIT. Returns false to let the bio go on, true if the filter took it (it
 *	will end it, or send it on with blkfilter_resubmit()). Position of the bio is
 *	blkfilter_bio_sector().
 */
struct blkfilter_operations {
	struct list_head link;
	struct module *owner;
	const char *name;
	struct blkfilter *(*attach)(struct block_device *bdev, bool *whole_disk,
				    const void *opt, u32 optlen);
	int (*prepare_detach)(struct blkfilter *flt);
	void (*detach)(struct blkfilter *flt);
	long (*ctl)(struct blkfilter *flt, unsigned int cmd, u8 __user *buf, u32 *plen);
	bool (*submit_bio)(struct blkfilter *flt, struct bio *bio);
};

#endif /* _LINUX_BLK_FILTER_H */
