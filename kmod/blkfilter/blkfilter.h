/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKFILTER_H
#define _BLKFILTER_H

#include <linux/blk-filter.h>
#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/static_call_types.h>

/* filter.c: registered drivers, attached filters */
int blkfilter_attach(struct block_device *bdev, const char *name,
		     const void *opt, u32 optlen);
int blkfilter_detach(struct block_device *bdev, const char *name);
long blkfilter_ctl(struct block_device *bdev, const char *name,
		   unsigned int cmd, u8 __user *buf, u32 *plen);
void blkfilter_device_gone(struct block_device *bdev);
ssize_t blkfilter_show(struct block_device *bdev, char *buf);

#define BLKFILTER_HASH_BITS	6
extern struct hlist_head blkfilters[1 << BLKFILTER_HASH_BITS];
extern unsigned int blkfilters_whole_disk;

static __always_inline struct hlist_head *blkfilter_bucket(const struct block_device *bdev)
{
	return &blkfilters[hash_ptr(bdev, BLKFILTER_HASH_BITS)];
}

/* The filter on a device, in its bucket; under RCU, which with the disk claimed keeps the others there. */
static __always_inline struct blkfilter *
blkfilter_find_in(struct hlist_head *bucket, const struct block_device *bdev)
{
	struct blkfilter *flt;

	hlist_for_each_entry_rcu_notrace(flt, bucket, node)
		if (flt->bdev == bdev)
			return flt;
	return NULL;
}

static __always_inline struct blkfilter *blkfilter_find(const struct block_device *bdev)
{
	return blkfilter_find_in(blkfilter_bucket(bdev), bdev);
}

/* The filter on the disk that covers its partitions, if there is one. */
static __always_inline struct blkfilter *blkfilter_find_whole(struct block_device *bdev)
{
	struct blkfilter *flt;

	if (likely(!READ_ONCE(blkfilters_whole_disk)) || !bdev_is_partition(bdev))
		return NULL;
	flt = blkfilter_find(bdev_whole(bdev));
	return flt && (flt->flags & BLKFILTER_WHOLE_DISK) ? flt : NULL;
}

/* Whether a filter is to see a bio, wherever that comes from. */
static __always_inline bool blkfilter_wants(const struct blkfilter *flt, struct bio *bio)
{
	const struct blkfilter_operations *ops = flt->ops;

	if ((ops->flags & BLKFILTER_WRITES_ONLY) && !op_is_write(bio_op(bio)))
		return false;
	return likely(!ops->bio_set) || bio->bi_pool != ops->bio_set;
}

/* ioctl.c */
bool blkfilter_is_ioctl(unsigned int cmd);
long blkfilter_ioctl(struct block_device *bdev, unsigned int cmd,
		     void __user *argp);

/* device.c: the sysfs file, removal of devices */
int blkfilter_device_init(void);
void blkfilter_device_exit(void);

/* pass.c: passing bios on, and what each task is passing on */
extern atomic_t blkfilter_guards;
void blkfilter_submit(struct bio *bio, struct blkfilter *flt);
bool blkfilter_skips(const struct blkfilter *flt, struct bio *bio);

/* Whether what this task sends may be something that no filter is to see. */
static __always_inline bool blkfilter_nested(void)
{
	return current->bio_list || atomic_read(&blkfilter_guards);
}

/*
 * A filter may do I/O of its own and wait for it. Under ->submit_bio() of a
 * stacking driver that would only be queued on current->bio_list, behind its own
 * wait. So would the bio itself, which is to be on its way when the original
 * returns: the driver counts on it.
 */
static inline struct bio_list *blkfilter_hide_bio_list(void)
{
	struct bio_list *list = current->bio_list;

	current->bio_list = NULL;
	return list;
}

/* hook.c: the places in the kernel where all this is called from */
DECLARE_STATIC_CALL(blkfilter_submit_original, submit_bio_noacct);
int blkfilter_hook_init(void);
void blkfilter_hook_exit(void);
void blkfilter_hook_ioctl_exit(void);
int blkfilter_hook_submit_get(void);
void blkfilter_hook_submit_put(void);

#endif /* _BLKFILTER_H */
