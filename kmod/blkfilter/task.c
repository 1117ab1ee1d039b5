// SPDX-License-Identifier: GPL-2.0
/*
 * What each task is doing with filters, in place of a member of task_struct: a
 * small table indexed by a hash of the task, each slot claimed by one task at a
 * time; tasks that find their slot taken go to a list. Only a task itself ever
 * looks at its records, which live on its stack.
 */
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/hash.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include "blkfilter.h"

#define TASK_SLOT_BITS	7

struct task_slot {
	struct task_struct *owner;
	struct blkfilter_task *top;
} ____cacheline_aligned;

static struct task_slot task_slots[1 << TASK_SLOT_BITS];

static DEFINE_RAW_SPINLOCK(overflow_lock);
static HLIST_HEAD(overflow);
static atomic_t overflows;
static atomic_t guards;

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

/**
 * blkfilter_task_enter - put a record on top of those of this task
 * @t: on the stack of the caller, everything else in it set
 */
void blkfilter_task_enter(struct blkfilter_task *t)
{
	struct task_slot *slot = task_slot();

	t->task = current;
	t->outer = task_top();
	INIT_HLIST_NODE(&t->overflow);
	/* All the records of a task are in the same place. */
	if (t->outer ? slot->owner == current :
		       !cmpxchg(&slot->owner, NULL, current))
		slot->top = t;
	else
		overflow_add(t);
}

/**
 * blkfilter_task_exit - take the record off again
 * @t: the topmost record of this task
 */
void blkfilter_task_exit(struct blkfilter_task *t)
{
	struct task_slot *slot;

	if (unlikely(!hlist_unhashed(&t->overflow))) {
		overflow_del(t);
		return;
	}
	slot = task_slot();
	slot->top = t->outer;
	if (t->outer)
		return;
	/* Pairs with cmpxchg(): the next owner's record is not overwritten. */
	smp_store_release(&slot->owner, NULL);
}

/**
 * blkfilter_task_skips - whether this task sends a bio that no filter is to see
 * @flt: the filter of its device
 * @bio: the bio
 *
 * Those are the driver's own I/O, and the rest of a bio that is being passed on
 * and was split below: the filter saw it when it was whole.
 */
bool notrace blkfilter_task_skips(const struct blkfilter *flt, const struct bio *bio)
{
	struct blkfilter_task *t;

	if (likely(!current->bio_list && !atomic_read(&guards)))
		return false;
	for (t = task_top(); t; t = t->outer) {
		if (!t->flt && t->ops == flt->ops)
			return true;
		if (t->flt == flt && t->bio == bio && t->end == bio_end_sector(bio) &&
		    t->sector <= bio->bi_iter.bi_sector)
			return true;
	}
	return false;
}

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
	blkfilter_task_enter(guard);
	atomic_inc(&guards);
}
EXPORT_SYMBOL_GPL(blkfilter_guard_enter);

/**
 * blkfilter_guard_exit - end what blkfilter_guard_enter() began
 * @guard: the same, in the same task
 */
void blkfilter_guard_exit(struct blkfilter_task *guard)
{
	atomic_dec(&guards);
	blkfilter_task_exit(guard);
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
