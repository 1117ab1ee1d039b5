/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The code is written for linux 6.12. What older kernels do otherwise is adapted
 * here, and nowhere else is the kernel's version asked for.
 */
#ifndef _BLKCAST_COMPAT_H
#define _BLKCAST_COMPAT_H

#include <linux/version.h>
#include <linux/blkdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "linux 6.1 is the oldest supported kernel"
#endif

/*
 * Block devices.
 */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define compat_bdev_inode(bdev)	((bdev)->bd_inode)
#else
#define compat_bdev_inode(bdev)	((bdev)->bd_mapping->host)
#endif

/* False from the moment on at which the disk or partition is being removed. */
static inline bool compat_bdev_live(struct block_device *bdev)
{
	return !inode_unhashed(compat_bdev_inode(bdev));
}

/* Up to 6.5 some drivers have a way for single pages beside submit_bio(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define compat_has_rw_page(disk)	(!!(disk)->fops->rw_page)
#else
#define compat_has_rw_page(disk)	((void)(disk), false)
#endif

/* blk_alloc_disk() with default limits; an ERR_PTR on failure. */
static inline struct gendisk *compat_alloc_disk(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);

	return disk ?: ERR_PTR(-ENOMEM);
#else
	return blk_alloc_disk(NULL, NUMA_NO_NODE);
#endif
}

/*
 * Class interface callbacks.
 */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define COMPAT_CLASS_INTF_ARGS	struct device *dev, struct class_interface *intf
#else
#define COMPAT_CLASS_INTF_ARGS	struct device *dev
#endif

/*
 * ftrace.
 */

#ifdef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
#include <linux/ftrace.h>
#ifdef arch_ftrace_regs
#define compat_ftrace_regs(fregs)	(&arch_ftrace_regs(fregs)->regs)
#else
#define compat_ftrace_regs(fregs)	(&(fregs)->regs)
#endif
#endif

#endif /* _BLKCAST_COMPAT_H */
