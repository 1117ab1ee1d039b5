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
#include <linux/blk-integrity.h>
#include <linux/pagemap.h>
#include <linux/uio.h>

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
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	/* A partition's inode is unhashed only when all have been told of its removal. */
	if (bdev_is_partition(bdev) &&
	    xa_load(&bdev->bd_disk->part_tbl, bdev->bd_partno) != bdev)
		return false;
#endif
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

/* Freezing the filesystem on a device, if there is one. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define compat_freeze_bdev(bdev)	freeze_bdev(bdev)
#define compat_thaw_bdev(bdev)		thaw_bdev(bdev)
#else
#define compat_freeze_bdev(bdev)	bdev_freeze(bdev)
#define compat_thaw_bdev(bdev)		bdev_thaw(bdev)
#endif

/* Writes out what is dirty of a device and the filesystem on it. */
static inline void compat_sync_bdev(struct block_device *bdev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	fsync_bdev(bdev);
#else
	mutex_lock(&bdev->bd_holder_lock);
	if (bdev->bd_holder_ops && bdev->bd_holder_ops->sync) {
		/* Unlocks. */
		bdev->bd_holder_ops->sync(bdev);
	} else {
		mutex_unlock(&bdev->bd_holder_lock);
		sync_blockdev(bdev);
	}
#endif
}

/* Whether the driver has completed a write when its ->submit_bio() returns. */
static inline bool compat_bdev_synchronous(struct block_device *bdev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	return compat_has_rw_page(bdev->bd_disk);
#else
	return bdev_synchronous(bdev);
#endif
}

/* Whether cgroups may limit what goes to the device. */
static inline bool compat_bdev_throttled(struct block_device *bdev)
{
#ifdef CONFIG_BLK_DEV_THROTTLING
	return bdev_get_queue(bdev)->td;
#else
	return false;
#endif
}

/* Whether I/O to the device is to fail, by the kernel's fault injection. */
static inline bool compat_bdev_made_to_fail(struct block_device *bdev)
{
#ifndef CONFIG_FAIL_MAKE_REQUEST
	return false;
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	return bdev->bd_make_it_fail;
#else
	return bdev_test_flag(bdev, BD_MAKE_IT_FAIL);
#endif
}

static inline bool compat_has_integrity(struct block_device *bdev)
{
#ifdef CONFIG_BLK_DEV_INTEGRITY
	return bdev_get_integrity(bdev);
#else
	return false;
#endif
}

static inline bool compat_has_inline_crypto(struct block_device *bdev)
{
#ifdef CONFIG_BLK_INLINE_ENCRYPTION
	return bdev_get_queue(bdev)->crypto_profile;
#else
	return false;
#endif
}

/* A block device that is opened exclusively for reading and writing. */
struct compat_bdev {
	struct block_device *bdev;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct file *file;
#endif
};

static inline int compat_bdev_open(struct compat_bdev *b, const char *path, void *holder)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	struct block_device *bdev;

	bdev = blkdev_get_by_path(path, FMODE_READ | FMODE_WRITE | FMODE_EXCL, holder);
	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	b->bdev = bdev;
#else
	b->file = bdev_file_open_by_path(path, BLK_OPEN_READ | BLK_OPEN_WRITE, holder, NULL);
	if (IS_ERR(b->file)) {
		int ret = PTR_ERR(b->file);

		b->file = NULL;
		return ret;
	}
	b->bdev = file_bdev(b->file);
#endif
	return 0;
}

static inline void compat_bdev_close(struct compat_bdev *b)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	if (b->bdev)
		blkdev_put(b->bdev, FMODE_READ | FMODE_WRITE | FMODE_EXCL);
#else
	if (b->file)
		bdev_fput(b->file);
#endif
	b->bdev = NULL;
}

/*
 * Opens a device beside whoever else has it open, so that it stays. A partition cannot be taken
 * away then but with its disk.
 */
static inline int compat_bdev_hold(struct compat_bdev *b, dev_t dev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	struct block_device *bdev = blkdev_get_by_dev(dev, FMODE_READ, NULL);

	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	b->bdev = bdev;
#else
	struct file *file = bdev_file_open_by_dev(dev, BLK_OPEN_READ, NULL, NULL);

	if (IS_ERR(file))
		return PTR_ERR(file);
	b->file = file;
	b->bdev = file_bdev(file);
#endif
	return 0;
}

/* Undoes compat_bdev_hold(), if that was successful. */
static inline void compat_bdev_unhold(struct compat_bdev *b)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	if (b->bdev)
		blkdev_put(b->bdev, FMODE_READ);
#else
	if (b->file)
		bdev_fput(b->file);
	b->file = NULL;
#endif
	b->bdev = NULL;
}

/* A disk for an image: blocks as on @like, discards in whole units. */
static inline struct gendisk *compat_alloc_image_disk(struct block_device *like,
						      unsigned int unit)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);

	if (!disk)
		return ERR_PTR(-ENOMEM);
	blk_queue_logical_block_size(disk->queue, bdev_logical_block_size(like));
	blk_queue_physical_block_size(disk->queue, bdev_physical_block_size(like));
	blk_queue_max_hw_sectors(disk->queue, BLK_DEF_MAX_SECTORS);
	blk_queue_max_discard_sectors(disk->queue, UINT_MAX >> SECTOR_SHIFT);
	disk->queue->limits.discard_granularity = unit;
	return disk;
#else
	struct queue_limits lim = {
		.logical_block_size = bdev_logical_block_size(like),
		.physical_block_size = bdev_physical_block_size(like),
		.max_hw_sectors = BLK_DEF_MAX_SECTORS_CAP,
		.max_hw_discard_sectors = UINT_MAX >> SECTOR_SHIFT,
		.discard_granularity = unit,
	};

	return blk_alloc_disk(&lim, NUMA_NO_NODE);
#endif
}

/*
 * Files.
 */

static inline bool compat_file_can_direct(struct file *file)
{
	return file->f_mode & FMODE_CAN_ODIRECT;
}

/*
 * Whether reads and writes of an open file go past the page cache; else writes wait for the
 * disk, so that they learn of its errors.
 */
static inline void compat_file_set_direct(struct file *file, bool direct)
{
	file->f_flags = (file->f_flags & ~(O_DIRECT | O_DSYNC)) | (direct ? O_DIRECT : O_DSYNC);
	file->f_iocb_flags = iocb_flags(file);
}

static inline ssize_t compat_file_write(struct file *file, struct iov_iter *iter, loff_t *pos)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	ssize_t ret;

	file_start_write(file);
	ret = vfs_iter_write(file, iter, pos, 0);
	file_end_write(file);
	return ret;
#else
	return vfs_iter_write(file, iter, pos, 0);
#endif
}

/*
 * A page of a file, locked and to be written as a whole; -EOPNOTSUPP if it is part of a
 * larger one.
 */
static inline int compat_write_begin(struct file *file, loff_t pos, struct page **page)
{
	struct address_space *mapping = file->f_mapping;
	void *fsdata;
	int ret;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	ret = mapping->a_ops->write_begin(file, mapping, pos, PAGE_SIZE, page, &fsdata);
	if (!ret && PageCompound(*page)) {
		unlock_page(*page);
		put_page(*page);
		ret = -EOPNOTSUPP;
	}
#else
	struct folio *folio;

	ret = mapping->a_ops->write_begin(file, mapping, pos, PAGE_SIZE, &folio, &fsdata);
	if (!ret && folio_test_large(folio)) {
		folio_unlock(folio);
		folio_put(folio);
		ret = -EOPNOTSUPP;
	}
	if (!ret)
		*page = folio_page(folio, 0);
#endif
	return ret;
}

/* The end of compat_write_begin(): the page is written, or cleared if nothing of it was. */
static inline void compat_write_end(struct file *file, loff_t pos, struct page *page,
				    bool written)
{
	struct address_space *mapping = file->f_mapping;
	unsigned int bytes = written ? PAGE_SIZE : 0;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	mapping->a_ops->write_end(file, mapping, pos, PAGE_SIZE, bytes, page, NULL);
#else
	mapping->a_ops->write_end(file, mapping, pos, PAGE_SIZE, bytes, page_folio(page), NULL);
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
