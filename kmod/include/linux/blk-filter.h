/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_BLK_FILTER_H
#define _LINUX_BLK_FILTER_H

#include <linux/bits.h>
#include <linux/blkdev.h>
#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/percpu-refcount.h>
#include <linux/rcupdate.h>

struct module;
struct blkfilter;

/**
 * DOC: Block device filters
 *
 * A filter driver registers struct blkfilter_operations. User space attaches a
 * registered filter to a block device by its name, one filter to a device. From
 * then on ->submit_bio() sees each bio of the device once, after the checks of
 * submit_bio_noacct() and after throttling, in the context of the submitter.
 *
 * Lifetime: between ->attach() and ->detach() the block device exists and
 * struct blkfilter.bdev may be used without a reference of one's own. ->detach()
 * is called when the user asks for it, when the device goes away, and by
 * blkfilter_unregister(); the owner's module is pinned while it is attached.
 *
 * Locking: the operations that attach and detach on one disk and its partitions
 * exclude each other. ->ctl() runs beside everything but ->detach(). No lock of
 * the mechanism is held in any callback, so a callback may add and remove other
 * disks. When a device goes away ->detach() runs under the open_mutex of the
 * disk and waits for ->attach() and ->ctl(): so none of the three may open or
 * close the disk or its partitions, nor wait for someone who does.
 */

/* struct blkfilter_operations.flags */
#define BLKFILTER_WRITES_ONLY	BIT(0) /* ->submit_bio() is not wanted for reads */

/* struct blkfilter.flags */
#define BLKFILTER_WHOLE_DISK	BIT(0) /* by ->attach(), on a disk: bios of partitions too */
#define BLKFILTER_OWN		BIT(1) /* by blkfilter_attach_own() */

/**
 * struct blkfilter_operations - what a filter driver provides
 * @link: used by the mechanism
 * @owner: module of the driver
 * @name: name for the ioctls and sysfs, below BLKFILTER_NAME_LENGTH bytes
 * @flags: BLKFILTER_WRITES_ONLY
 * @bio_set: optional. A bio allocated from it is the driver's own and passes by
 *	the filters of this driver on whatever device
 * @attach: make a filter for @bdev and return the embedded struct blkfilter, or
 *	an ERR_PTR. @opt is a kernel copy of the caller's options, NULL if
 *	@optlen is 0, at most BLKFILTER_OPT_MAX bytes. The driver may set
 *	struct blkfilter.flags and leaves the other members alone; bios
 *	come soon after it returned. May sleep, must not open or close the disk.
 *	When the attachment fails later on, @detach follows.
 * @prepare_detach: optional. The user asks for a detach: return 0 to consent, or
 *	a negative errno (-EBUSY while a snapshot needs the device). After 0
 *	@detach always follows, but a @ctl may still be running or start, and
 *	has to refuse what would need the device. Not asked when the device goes
 *	away. May sleep.
 * @detach: no bio is in @submit_bio, no @ctl runs, none will. Free the filter.
 *	On removal the device is dead already: do not count on I/O to it. May sleep.
 * @ctl: a command from user space. @buf is the user's pointer, *@plen bytes
 *	long; the callee may lower *@plen to what it used. Returns a
 *	non-negative result of the ioctl or a negative errno, -ENOTTY for
 *	an unknown @cmd, -EINVAL for a @buf that is too short. May sleep.
 * @submit_bio: a bio goes to the filtered device. Return false to let it go on.
 *	Return true when it was taken: passed on with blkfilter_pass(), now
 *	or later, or ended with bio_endio(). To pass it later
 *	the driver takes a blkfilter_get() before it returns. May sleep, unless
 *	the bio is REQ_NOWAIT: then bio_wouldblock_error(). Position of the bio:
 *	blkfilter_bio_sector().
 */
struct blkfilter_operations {
	struct list_head link;
	struct module *owner;
	const char *name;
	unsigned int flags;
	struct bio_set *bio_set;
	struct blkfilter *(*attach)(struct block_device *bdev, const void *opt,
				    u32 optlen);
	int (*prepare_detach)(struct blkfilter *flt);
	void (*detach)(struct blkfilter *flt);
	long (*ctl)(struct blkfilter *flt, unsigned int cmd, u8 __user *buf,
		    u32 *plen);
	bool (*submit_bio)(struct blkfilter *flt, struct bio *bio);
};

/* Most bytes of options that an attach may bring. */
#define BLKFILTER_OPT_MAX	4096

/**
 * struct blkfilter - a filter on one device, embedded in the driver's structure
 * @node: used by the mechanism
 * @bdev: the device
 * @ops: the driver
 * @flags: BLKFILTER_WHOLE_DISK, BLKFILTER_OWN
 * @ref: held by every bio and every command that is inside the driver
 * @drained: used by the mechanism
 */
struct blkfilter {
	struct hlist_node node;
	struct block_device *bdev;
	const struct blkfilter_operations *ops;
	unsigned int flags;
	struct percpu_ref ref;
	struct completion drained;
};

/**
 * struct blkfilter_task - what the current task is doing with filters
 * @outer: the one that was entered before, if any
 * @task: the task
 * @flt: the filter that passes @bio on; NULL for a blkfilter_guard_enter()
 * @ops: the driver, of a blkfilter_guard_enter()
 * @bio: the bio that is being passed on; only for comparison, it may be gone
 * @sector: first sector of @bio, as it came
 * @end: the sector after its last
 * @slot: used by the mechanism
 * @overflow: used by the mechanism
 *
 * Lives on the stack of the task, from entering to leaving.
 */
struct blkfilter_task {
	struct blkfilter_task *outer;
	struct task_struct *task;
	struct blkfilter *flt;
	const struct blkfilter_operations *ops;
	struct bio *bio;
	sector_t sector;
	sector_t end;
	void *slot;
	struct hlist_node overflow;
};

int blkfilter_register(struct blkfilter_operations *ops);
void blkfilter_unregister(struct blkfilter_operations *ops);

int blkfilter_attach_own(struct blkfilter *flt, struct block_device *bdev,
			 const struct blkfilter_operations *ops);
void blkfilter_detach_own(struct blkfilter *flt);

void blkfilter_pass(struct blkfilter *flt, struct bio *bio);
void blkfilter_redirect(struct bio *bio, struct block_device *bdev, sector_t sector);

void blkfilter_guard_enter(struct blkfilter_task *guard,
			   const struct blkfilter_operations *ops);
void blkfilter_guard_exit(struct blkfilter_task *guard);

bool blkfilter_passing(bool (*match)(struct blkfilter *flt, void *data),
		       void *data);

/**
 * blkfilter_get - keep the filter attached beyond ->submit_bio() or ->ctl()
 * @flt: the filter
 *
 * To be called where the caller is inside the filter already. A detach waits
 * for the blkfilter_put().
 */
static inline void blkfilter_get(struct blkfilter *flt)
{
	percpu_ref_get(&flt->ref);
}

/**
 * blkfilter_put - undo blkfilter_get()
 * @flt: the filter; may be gone afterwards
 */
static inline void blkfilter_put(struct blkfilter *flt)
{
	percpu_ref_put(&flt->ref);
}

/**
 * blkfilter_bio_sector - position of a bio on the filtered device
 * @flt: the filter
 * @bio: a bio that ->submit_bio() got
 *
 * A bio of a partition carries its position on the whole disk by the time that a
 * filter sees it.
 *
 * Return: first sector, relative to @flt->bdev. Without meaning for a bio
 * without sectors (an empty flush).
 */
static inline sector_t blkfilter_bio_sector(const struct blkfilter *flt,
					    const struct bio *bio)
{
	return bio->bi_iter.bi_sector - flt->bdev->bd_start_sect;
}

#endif /* _LINUX_BLK_FILTER_H */
