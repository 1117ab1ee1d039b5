// SPDX-License-Identifier: GPL-2.0
/*
 * Passing bios on below a filter.
 *
 * Meanwhile each task keeps a record of what it is passing on, in place of a member
 * of task_struct: a small table indexed by a hash of the task, each slot claimed by
 * one task at a time; tasks that find their slot taken go to a list. Only a task
 * itself ever looks at its records, which live on its stack.
 */
#include <linux/atomic.h>
#include <linux/blk-cgroup.h>
#include <linux/cache.h>
#include <linux/hash.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/static_call.h>
#include "blkfilter.h"
#include "compat.h"
#include "ref.h"

#define TASK_SLOT_BITS	7

struct task_slot {
	struct task_struct *owner;
	struct blkfilter_task *top;
} ____cacheline_aligned;

static struct task_slot task_slots[1 << TASK_SLOT_BITS];

static DEFINE_RAW_SPINLOCK(overflow_lock);
static HLIST_HEAD(overflow);
static atomic_t overflows;

/* Tasks inside of a blkfilter_guard_enter(). */
atomic_t blkfilter_guards;

static __always_inline struct task_slot *task_slot(void)
{
	return &task_slots[hash_ptr(current, TASK_SLOT_BITS)];
}

static noinline struct blkfilter_task *overflow_top(void)
{
	struct blkfilter_task *t;
	unsigned long flags;

	raw_spin_lock_irqsave(&overflow_lock, flags);
	hlist_for_each_entry(t, &overflow, overflow)
		if (t->task == current)
			break;
	raw_spin_unlock_irqrestore(&overflow_lock, flags);
	return t;
}

static noinline void overflow_add(struct blkfilter_task *t)
{
	unsigned long flags;

	t->task = current;
	t->slot = NULL;
	atomic_inc(&overflows);
	raw_spin_lock_irqsave(&overflow_lock, flags);
	hlist_add_head(&t->overflow, &overflow);
	raw_spin_unlock_irqrestore(&overflow_lock, flags);
}

static noinline void overflow_del(struct blkfilter_task *t)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&overflow_lock, flags);
	hlist_del(&t->overflow);
	raw_spin_unlock_irqrestore(&overflow_lock, flags);
	atomic_dec(&overflows);
}

static __always_inline struct blkfilter_task *task_top(void)
{
	struct task_slot *slot = task_slot();

	if (READ_ONCE(slot->owner) == current)
		return slot->top;
	/* What this task itself has added it also sees counted. */
	return unlikely(atomic_read(&overflows)) ? overflow_top() : NULL;
}

/* Puts a record on top of those of this task. */
static __always_inline void task_enter(struct blkfilter_task *t)
{
	struct task_slot *slot = task_slot();

	t->outer = task_top();
	t->slot = slot;
	/* All the records of a task are in the same place. */
	if (likely(t->outer ? slot->owner == current :
			      !cmpxchg(&slot->owner, NULL, current)))
		slot->top = t;
	else
		overflow_add(t);
}

/* Takes the topmost record of this task off again. */
static __always_inline void task_exit(struct blkfilter_task *t)
{
	struct task_slot *slot = t->slot;

	if (unlikely(!slot)) {
		overflow_del(t);
		return;
	}
	slot->top = t->outer;
	if (t->outer)
		return;
	/* Pairs with cmpxchg(): the next owner's record is not overwritten. */
	smp_store_release(&slot->owner, NULL);
}

/*
 * Whether a bio that is sent where blkfilter_nested() is one that no filter is to see:
 * the driver's own, or the rest of one that is being passed on and was split below.
 * The filter saw it when it was whole.
 */
bool notrace blkfilter_skips(const struct blkfilter *flt, struct bio *bio)
{
	struct blkfilter_task *t;

	for (t = task_top(); t; t = t->outer) {
		if (!t->flt && t->ops == flt->ops)
			return true;
		if (t->flt == flt && t->bio == bio &&
		    t->end == bio_end_sector(bio) &&
		    t->sector <= bio->bi_iter.bi_sector)
			return true;
	}
	return false;
}

/*
 * Whether nothing of a bio will be submitted again below: a request-based driver does
 * not, and the block layer splits nothing for it that lies within a page, by the
 * very same test.
 */
static __always_inline bool bio_stays_whole(struct bio *bio)
{
	struct request_queue *q = bdev_get_queue(bio->bi_bdev);

	return queue_is_mq(q) && !q->limits.chunk_sectors && bio->bi_vcnt == 1 &&
	       bio->bi_io_vec->bv_len + bio->bi_io_vec->bv_offset <= PAGE_SIZE;
}

static noinline void pass_recorded(struct blkfilter *flt, struct bio *bio)
{
	struct bio_list *list = blkfilter_hide_bio_list();
	/* Not to be zeroed first, in a kernel that does so with what is on the stack. */
	struct blkfilter_task t __attribute__((uninitialized));

	t.flt = flt;
	t.bio = bio;
	t.sector = bio->bi_iter.bi_sector;
	t.end = bio_end_sector(bio);
	task_enter(&t);
	static_call(blkfilter_submit_original)(bio);
	task_exit(&t);
	current->bio_list = list;
}

/* Entered in place of the original function, with a reference to the filter. */
void blkfilter_submit(struct bio *bio, struct blkfilter *flt)
{
	struct bio_list *list = blkfilter_hide_bio_list();

	if (!flt->ops->submit_bio(flt, bio))
		blkfilter_pass(flt, bio);
	current->bio_list = list;
	ref_put(&flt->ref);
}

/**
 * blkfilter_pass - send a bio on, below the filter
 * @flt: the filter that got it
 * @bio: the bio
 *
 * For use in ->submit_bio() or later, from any context that may sleep. On return
 * the bio was given to the device's driver, or to a lower device, or has ended.
 */
void blkfilter_pass(struct blkfilter *flt, struct bio *bio)
{
	/* Only a driver's ->submit_bio() has a bio_list, and that is hidden from filters. */
	if (likely(bio_stays_whole(bio)))
		static_call(blkfilter_submit_original)(bio);
	else
		pass_recorded(flt, bio);
}
EXPORT_SYMBOL_GPL(blkfilter_pass);

/* Whether a bio has to be checked and filtered as if it came from a user; under RCU. */
static __always_inline bool redirect_checked(struct bio *bio, struct block_device *bdev,
					     sector_t sector)
{
	struct blkfilter *flt = blkfilter_find(bdev);

	return (flt && blkfilter_wants(flt, bio)) || bdev_is_partition(bdev) ||
	       sector + bio_sectors(bio) > bdev_nr_sectors(bdev) ||
	       (bio->bi_opf & (REQ_NOWAIT | REQ_POLLED)) || compat_bdev_throttled(bdev) ||
	       compat_bdev_made_to_fail(bdev);
}

/**
 * blkfilter_redirect - send a read to another device than it came to
 * @bio: a read with data, that ->submit_bio() got or the driver's own disk
 * @bdev: the device
 * @sector: first sector, on @bdev
 *
 * What submit_bio_noacct() checks and does has been done for the first device, and
 * is only done again where this device asks for it. A filter of this device sees
 * the bio as it would any.
 */
void blkfilter_redirect(struct bio *bio, struct block_device *bdev, sector_t sector)
{
	bio->bi_iter.bi_sector = sector;
	rcu_read_lock();
	if (unlikely(redirect_checked(bio, bdev, sector))) {
		rcu_read_unlock();
		bio_set_dev(bio, bdev);
		submit_bio_noacct(bio);
		return;
	}
	/* As bio_set_dev(), for a bio that is accounted to someone. */
	bio->bi_bdev = bdev;
	bio_associate_blkg_from_css(bio, bio_blkcg_css(bio));
	rcu_read_unlock();
	static_call(blkfilter_submit_original)(bio);
}
EXPORT_SYMBOL_GPL(blkfilter_redirect);

/**
 * blkfilter_guard_enter - hide this task's I/O from the filters of a driver
 * @guard: on the stack of the caller
 * @ops: the driver
 *
 * For I/O that a driver does by way of files. Covers what is submitted by the
 * task itself until blkfilter_guard_exit(), on whatever device. May be nested.
 */
void blkfilter_guard_enter(struct blkfilter_task *guard,
			   const struct blkfilter_operations *ops)
{
	guard->flt = NULL;
	guard->ops = ops;
	task_enter(guard);
	atomic_inc(&blkfilter_guards);
}
EXPORT_SYMBOL_GPL(blkfilter_guard_enter);

/**
 * blkfilter_guard_exit - end what blkfilter_guard_enter() began
 * @guard: the same, in the same task
 */
void blkfilter_guard_exit(struct blkfilter_task *guard)
{
	atomic_dec(&blkfilter_guards);
	task_exit(guard);
}
EXPORT_SYMBOL_GPL(blkfilter_guard_exit);

/**
 * blkfilter_passing - whether this task is passing on a bio of a certain filter
 * @match: says of a filter whether it is the one
 * @data: for @match
 *
 * A task that submits to a stacked device is inside blkfilter_pass() of that
 * device's filter when it submits to the devices below. A filter there that makes
 * it wait for others to leave theirs would wait for itself.
 *
 * Return: true if @match returned true for one of them.
 */
bool blkfilter_passing(bool (*match)(struct blkfilter *flt, void *data),
		       void *data)
{
	struct blkfilter_task *t;

	for (t = task_top(); t; t = t->outer)
		if (t->flt && match(t->flt, data))
			return true;
	return false;
}
EXPORT_SYMBOL_GPL(blkfilter_passing);
