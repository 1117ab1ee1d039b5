// SPDX-License-Identifier: GPL-2.0
/*
 * What is kept of one device: the path of a write that overwrites something.
 *
 * The writer claims the units that nobody has claimed, reads them from the source,
 * waits until no read of the image is on its way to them, and goes on. A second
 * writer to the same units waits for the first. Storing comes later.
 *
 * Whatever goes wrong here corrupts the image, and the write goes on.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include "diff_area.h"
#include "diff_storage.h"
#include "params.h"
#include "tracker.h"

/* So many pages are read ahead of being waited for. */
#define WINDOW_PAGES	(4 * COPY_PAGES_MAX)

/* How long a write waits for a read of the image at most. */
#define READERS_TIMEOUT	(10 * HZ)

/*
 * Lifetime.
 */

static void area_unused(struct percpu_ref *users)
{
	complete(&container_of(users, struct diff_area, users)->unused);
}

/**
 * diff_area_create - prepare to keep what is overwritten on a device
 * @tracker: of the device
 * @storage: of the snapshot
 *
 * Return: the area, or NULL for want of memory.
 */
struct diff_area *diff_area_create(struct tracker *tracker, struct diff_storage *storage)
{
	struct block_device *bdev = tracker->flt.bdev;
	struct diff_area *area;
	unsigned int chunk, i;

	area = kzalloc(sizeof(*area), GFP_KERNEL);
	if (!area)
		return NULL;
	area->shards = kvcalloc(SHARDS, sizeof(*area->shards), GFP_KERNEL);
	if (!area->shards)
		goto free;
	init_completion(&area->unused);
	if (percpu_ref_init(&area->users, area_unused, 0, GFP_KERNEL))
		goto shards;
	for (i = 0; i < SHARDS; i++) {
		spin_lock_init(&area->shards[i].lock);
		area->shards[i].pieces = RB_ROOT;
	}
	area->tracker = tracker;
	area->storage = storage;
	area->bdev = bdev;
	get_device(&bdev->bd_device);
	area->capacity = bdev_nr_sectors(bdev);
	chunk = param_block_shift((u64)area->capacity << SECTOR_SHIFT,
				  param_chunk_minimum_shift(), param_chunk_maximum_shift(),
				  1ULL << param_chunk_maximum_count_shift());
	/* At least a page, and so a block of the device. */
	area->unit_shift = storage->unit_shift;
	area->chunk_shift = max(chunk - SECTOR_SHIFT, area->unit_shift) - area->unit_shift;
	INIT_LIST_HEAD(&area->corrupted_event.link);
	INIT_LIST_HEAD(&area->readers);
	spin_lock_init(&area->readers_lock);
	init_waitqueue_head(&area->wait);
	mt_init_flags(&area->released, MT_FLAGS_USE_RCU);
	return area;
shards:
	kvfree(area->shards);
free:
	kfree(area);
	return NULL;
}

/**
 * diff_area_destroy - forget what is kept
 * @area: no writer and no new I/O of the image comes to it any more
 *
 * Waits for copies and reads that are under way.
 */
void diff_area_destroy(struct diff_area *area)
{
	/* Copies need not be stored any more. */
	cmpxchg(&area->error, 0, -ESHUTDOWN);
	store_flush(area->storage);
	percpu_ref_kill(&area->users);
	wait_for_completion(&area->unused);
	percpu_ref_exit(&area->users);
	event_queue_remove(area->storage->events, &area->corrupted_event);
	pieces_destroy(area);
	put_device(&area->bdev->bd_device);
	kvfree(area->shards);
	kfree(area);
}

/**
 * diff_area_corrupt - the image cannot be right any more
 * @area: the area
 * @error: negative errno; the first one counts
 */
void diff_area_corrupt(struct diff_area *area, int error)
{
	struct event *ev = &area->corrupted_event;

	if (cmpxchg(&area->error, 0, error))
		return;
	pr_err("%pg: snapshot is corrupted: error %d; the device itself is not affected\n",
	       area->bdev, error);
	ev->data.corrupted.dev_id_mj = MAJOR(area->bdev->bd_dev);
	ev->data.corrupted.dev_id_mn = MINOR(area->bdev->bd_dev);
	ev->data.corrupted.err_code = -error;
	event_queue_push(area->storage->events, ev, BLKSNAP_EVENT_CODE_CORRUPTED);
	wake_up_all(&area->wait);
	store_flush(area->storage);
}

/*
 * Readers.
 */

void diff_area_reader_add(struct diff_area *area, struct area_reader *reader)
{
	unsigned long flags;

	spin_lock_irqsave(&area->readers_lock, flags);
	list_add_tail(&reader->link, &area->readers);
	spin_unlock_irqrestore(&area->readers_lock, flags);
}

void diff_area_reader_del(struct diff_area *area, struct area_reader *reader)
{
	unsigned long flags;

	spin_lock_irqsave(&area->readers_lock, flags);
	list_del(&reader->link);
	spin_unlock_irqrestore(&area->readers_lock, flags);
	if (wq_has_sleeper(&area->wait))
		wake_up_all(&area->wait);
}

static bool area_read(struct diff_area *area, u64 first, u64 last)
{
	struct area_reader *r;
	bool found = false;

	spin_lock_irq(&area->readers_lock);
	list_for_each_entry(r, &area->readers, link) {
		found = r->first <= last && r->last >= first;
		if (found)
			break;
	}
	spin_unlock_irq(&area->readers_lock);
	return found;
}

/**
 * diff_area_readers_wait - let reads of the image end that may go to the source
 * @area: the area
 * @first: first unit
 * @last: last unit
 *
 * A read registers before it looks where the data is; so if it did so before
 * the shard's lock was last released here, it is seen. New ones do not go there.
 */
void diff_area_readers_wait(struct diff_area *area, u64 first, u64 last)
{
	if (likely(list_empty(&area->readers)))
		return;
	if (!wait_event_timeout(area->wait, !area_read(area, first, last) ||
				READ_ONCE(area->error), READERS_TIMEOUT))
		diff_area_corrupt(area, -ETIMEDOUT);
}

/*
 * Writers.
 */

/* The first units that would have to be kept, at or behind @gap->unit. */
static bool units_find_gap(struct diff_area *area, struct gap *gap, u64 last)
{
	while (gap->unit <= last) {
		u64 end = min(last, diff_area_chunk_last(area, gap->unit));

		if (pieces_find_gap(area, gap, end))
			return true;
		gap->unit = end + 1;
	}
	return false;
}

static bool units_busy(struct diff_area *area, u64 first, u64 last)
{
	u64 unit, end;

	for (unit = first; unit <= last; unit = end + 1) {
		end = min(last, diff_area_chunk_last(area, unit));
		if (pieces_busy(area, unit, end))
			return true;
	}
	return false;
}

/* The reads of these copies were begun: have them end, and the copies stored. */
static void copies_finish(struct diff_area *area, struct list_head *copies)
{
	struct copy *copy, *next;

	list_for_each_entry_safe(copy, next, copies, link) {
		int error = copy_read_finish(copy);

		if (!error) {
			pieces_set_state(area, copy, COPY_READY);
			continue;
		}
		/* What need not have been read may be what failed. */
		if (copy->ahead)
			WRITE_ONCE(area->no_ahead, true);
		else
			diff_area_corrupt(area, error);
		list_del(&copy->link);
		store_over(area->storage, copy);
	}
	list_for_each_entry_safe(copy, next, copies, link) {
		list_del(&copy->link);
		if (unlikely(copy->state != COPY_SETTLED)) {
			diff_area_readers_wait(area, copy->unit, copy->unit + copy->count - 1);
			pieces_set_state(area, copy, COPY_SETTLED);
		}
		atomic64_add((u64)copy->count << area->unit_shift, &area->copied);
		store_queue(area->storage, copy);
	}
}

/*
 * Whether units may be copied that nobody is overwriting yet: some never will be, and
 * that must not be what a storage overflows by.
 */
static bool ahead_allowed(struct diff_area *area)
{
	struct diff_storage *s = area->storage;

	return !READ_ONCE(area->no_ahead) &&
	       READ_ONCE(s->used) + READ_ONCE(s->waiting) < READ_ONCE(s->limit) / 2;
}

/*
 * A copy of a gap, of which the read was begun: of what is overwritten there, and of what it
 * pays to keep along with that. It may have less; then the gap is still there.
 */
static struct copy *copy_begin(struct diff_area *area, const struct gap *gap,
			       struct list_head *copies)
{
	unsigned int unit_bytes = 1U << (area->unit_shift + SECTOR_SHIFT);
	u32 most = COPY_PAGES_MAX / diff_area_unit_pages(area);
	u64 unit = gap->unit, last = gap->last;
	struct diff_storage *s = area->storage;
	struct copy *copy;
	size_t bytes;
	u32 count;
	int ret;

	if ((gap->from < unit || gap->to > last) && ahead_allowed(area)) {
		unit = gap->from;
		last = gap->to;
	}
	count = min_t(u64, last - unit + 1, most);
	bytes = (size_t)count * unit_bytes;
	copy = copy_alloc_in_place(area, unit, count);
	if (copy) {
		bytes = 0;
		goto claim;
	}
	ret = store_reserve(s, area, bytes, false);
	if (ret == -EAGAIN) {
		/* Nobody shall wait for us while we wait for room. */
		copies_finish(area, copies);
		unit = gap->unit;
		count = min_t(u64, gap->last - unit + 1, most);
		bytes = (size_t)count * unit_bytes;
		ret = store_reserve(s, area, bytes, true);
	}
	if (ret)
		return ERR_PTR(ret);
	copy = copy_alloc(area, unit, count, min_t(u64, gap->last - unit + 1, count));
	if (!copy) {
		ret = -ENOMEM;
		goto unreserve;
	}
claim:
	ret = pieces_claim(area, copy);
	if (ret) {
		copy_put(copy);
		goto unreserve;
	}
	copy->ahead = copy->unit < gap->unit || copy->unit + copy->count - 1 > gap->last;
	/* Others may have claimed a part meanwhile, or memory was short. */
	copy_trim(copy);
	if (bytes > (size_t)copy->count * unit_bytes)
		store_unreserve(s, bytes - (size_t)copy->count * unit_bytes);
	copy_read_start(copy);
	list_add_tail(&copy->link, copies);
	return copy;
unreserve:
	if (bytes)
		store_unreserve(s, bytes);
	return ERR_PTR(ret);
}

/* From the gap that was found on: what is not kept yet. */
static int units_copy(struct diff_area *area, struct gap *gap, u64 last)
{
	LIST_HEAD(copies);
	unsigned int pages = 0;
	struct copy *copy;
	int ret = 0;

	do {
		copy = copy_begin(area, gap, &copies);
		if (IS_ERR(copy)) {
			/* Others have begun to keep it. */
			if (PTR_ERR(copy) == -EBUSY)
				continue;
			ret = PTR_ERR(copy);
			break;
		}
		gap->unit = max(gap->unit, copy->unit + copy->count);
		pages += copy->nr_pages;
		if (pages >= WINDOW_PAGES) {
			copies_finish(area, &copies);
			pages = 0;
		}
		/* A corrupted image needs nothing more. */
	} while (!READ_ONCE(area->error) && units_find_gap(area, gap, last));
	copies_finish(area, &copies);
	return ret;
}

/**
 * diff_area_protect - keep what a write is going to overwrite
 * @area: of the device
 * @sector: first sector of the write
 * @count: sectors
 * @nowait: do not sleep
 *
 * Return: true when the write may go on; false if @nowait and it may not yet.
 */
bool diff_area_protect(struct diff_area *area, sector_t sector, sector_t count, bool nowait)
{
	struct gap gap = {};
	u64 first, last, begin;
	bool found;
	int ret;

	/* What lies beyond was not there at the take. */
	if (!diff_area_usable(area) || sector >= area->capacity)
		return true;
	count = min(count, area->capacity - sector);
	first = sector >> area->unit_shift;
	last = (sector + count - 1) >> area->unit_shift;
	gap.unit = first;
	found = units_find_gap(area, &gap, last);
	if (!found && !gap.busy)
		return true;
	if (unlikely(READ_ONCE(area->storage->task) == current)) {
		pr_err("%pg: the difference storage of the snapshot lies on the device, by way of others\n",
		       area->bdev);
		diff_area_corrupt(area, -EDEADLK);
		return true;
	}
	if (nowait)
		return false;
	begin = ktime_get_ns();
	for (;;) {
		ret = found ? units_copy(area, &gap, last) : 0;
		if (ret)
			diff_area_corrupt(area, ret);
		if (gap.busy)
			wait_event(area->wait, READ_ONCE(area->error) ||
				   !units_busy(area, first, last));
		if (likely(!READ_ONCE(area->no_ahead)) || READ_ONCE(area->error))
			break;
		/* Units that were read along with others are dropped if these cannot be read. */
		gap.unit = first;
		gap.busy = false;
		found = units_find_gap(area, &gap, last);
		if (!found && !gap.busy)
			break;
	}
	latency_add(&area->tracker->latency, ktime_get_ns() - begin);
	return true;
}
