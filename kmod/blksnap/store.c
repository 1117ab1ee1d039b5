// SPDX-License-Identifier: GPL-2.0
/*
 * Copies on their way into the storage. One worker for each storage takes them from
 * the queue, finds room, and writes what lies side by side in one go. All
 * memory that this needs is there from the beginning, so it goes on when there is
 * no memory, and writers that wait for room in the queue get it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "diff_area.h"
#include "diff_storage.h"
#include "params.h"

#define BATCHES		4
#define BATCH_PAGES	256
#define BATCH_PARTS	BATCH_PAGES

/*
 * Copies wait for others, to be stored in one go, until there are so many sectors of
 * them or so much time has passed.
 */
#define STORE_SECTORS	(BATCH_PAGES << (PAGE_SHIFT - SECTOR_SHIFT))
#define STORE_DELAY	max(HZ / 50, 1)

/* Without progress for so long, a storage counts as failed. */
#define STORE_TIMEOUT	(10 * HZ)

/**
 * struct part - units of a copy that are in a batch
 * @copy: the copy
 * @offset: of the first unit
 * @count: units
 * @sector: in the storage
 */
struct part {
	struct copy *copy;
	u32 offset;
	u32 count;
	sector_t sector;
};

/**
 * struct batch - parts side by side in the storage, written together
 * @link: idle or done, in the storage
 * @storage: the storage
 * @sector: of the first part
 * @end: behind the last part
 * @error: 0 or an errno
 * @nr_parts: elements of @parts
 * @nr_pages: elements of @bvec
 * @bio: if the storage is a block device
 * @parts: what the batch is made of
 * @bvec: the pages of all parts
 */
struct batch {
	struct list_head link;
	struct diff_storage *storage;
	sector_t sector;
	sector_t end;
	int error;
	unsigned int nr_parts;
	unsigned int nr_pages;
	struct bio bio;
	struct part parts[BATCH_PARTS];
	struct bio_vec bvec[BATCH_PAGES];
};

/*
 * The bound on what is in memory.
 */

static bool store_try_reserve(struct diff_storage *s, struct diff_area *area, size_t bytes)
{
	bool ok;

	spin_lock_irq(&s->lock);
	/* One copy is let in always, however small the bound is. */
	ok = !s->pending || s->pending + bytes <= s->pending_max;
	if (ok) {
		if (!s->pending)
			s->progress = jiffies;
		s->pending += bytes;
	}
	spin_unlock_irq(&s->lock);
	return ok;
}

/**
 * store_reserve - get leave to hold a copy in memory
 * @s: the storage
 * @area: the copy is for
 * @bytes: its size
 * @wait: until there is room
 *
 * Return: 0; -EAGAIN no room and not to wait; -ETIMEDOUT the storage makes no
 * progress; -EIO the area was corrupted meanwhile.
 */
int store_reserve(struct diff_storage *s, struct diff_area *area, size_t bytes, bool wait)
{
	while (!store_try_reserve(s, area, bytes)) {
		unsigned long stuck;

		if (!wait)
			return -EAGAIN;
		store_kick(s);
		wait_event_timeout(s->room, READ_ONCE(area->error) ||
				   READ_ONCE(s->pending) + bytes <= s->pending_max ||
				   !READ_ONCE(s->pending), STORE_TIMEOUT);
		if (READ_ONCE(area->error))
			return -EIO;
		stuck = READ_ONCE(s->progress) + STORE_TIMEOUT;
		if (time_after_eq(jiffies, stuck))
			return -ETIMEDOUT;
	}
	return 0;
}

void store_unreserve(struct diff_storage *s, size_t bytes)
{
	unsigned long flags;

	spin_lock_irqsave(&s->lock, flags);
	s->pending -= bytes;
	s->progress = jiffies;
	spin_unlock_irqrestore(&s->lock, flags);
	if (wq_has_sleeper(&s->room))
		wake_up_all(&s->room);
}

static size_t copy_bytes(const struct copy *copy)
{
	return (size_t)copy->count << (copy->area->unit_shift + SECTOR_SHIFT);
}

/* Units of a queued copy have their space, or will not be stored. */
static void store_waited(struct diff_storage *s, struct copy *copy, u32 count)
{
	spin_lock_irq(&s->lock);
	s->waiting -= (sector_t)count << copy->area->unit_shift;
	spin_unlock_irq(&s->lock);
}

/**
 * store_over - a copy is stored, or comes to nothing
 * @s: the storage
 * @copy: in no list; of those that failed the pieces are dropped
 */
void store_over(struct diff_storage *s, struct copy *copy)
{
	size_t bytes = copy->in_place ? 0 : copy_bytes(copy);

	if (copy->failed)
		pieces_drop(copy->area, copy);
	copy_put(copy);
	if (bytes)
		store_unreserve(s, bytes);
}

/* Units of a copy are in the storage, or could not be brought there. */
static void store_part(struct copy *copy, u32 offset, u32 count, sector_t sector, int error)
{
	if (!error)
		error = pieces_stored(copy->area, copy, offset, count, sector);
	if (error) {
		copy->failed = true;
		diff_area_corrupt(copy->area, error);
	}
}

/**
 * store_queue - have a copy stored
 * @s: the storage
 * @copy: settled, and reserved for unless in place; its reference goes over to the storage
 */
void store_queue(struct diff_storage *s, struct copy *copy)
{
	sector_t before;
	bool enough;

	if (copy->in_place) {
		store_part(copy, 0, copy->count, copy->sector, 0);
		store_over(s, copy);
		return;
	}
	spin_lock_irq(&s->lock);
	list_add_tail(&copy->link, &s->queue);
	before = s->waiting;
	s->waiting += (sector_t)copy->count << copy->area->unit_shift;
	enough = before < STORE_SECTORS && s->waiting >= STORE_SECTORS;
	spin_unlock_irq(&s->lock);
	if (enough)
		store_kick(s);
	else if (!delayed_work_pending(&s->store_work))
		queue_delayed_work(s->wq, &s->store_work, STORE_DELAY);
}

/*
 * Batches.
 */

static struct copy *queue_first(struct diff_storage *s)
{
	struct copy *copy;

	spin_lock_irq(&s->lock);
	copy = list_first_entry_or_null(&s->queue, struct copy, link);
	spin_unlock_irq(&s->lock);
	return copy;
}

static void queue_del(struct diff_storage *s, struct copy *copy)
{
	spin_lock_irq(&s->lock);
	list_del_init(&copy->link);
	spin_unlock_irq(&s->lock);
}

/* The first part of @copy that is not in a batch yet, if it fits behind the others. */
static bool batch_add(struct batch *b, struct copy *copy)
{
	struct diff_area *area = copy->area;
	unsigned int unit_pages = diff_area_unit_pages(area), page, nr;
	u32 count = min_t(u32, copy->count - copy->stored,
			  (BATCH_PAGES - b->nr_pages) / unit_pages);
	struct part *part = &b->parts[b->nr_parts];

	if (!count)
		return false;
	count = diff_storage_alloc(b->storage, (sector_t)count << area->unit_shift, b->end,
				   &part->sector) >> area->unit_shift;
	if (!count)
		return false;
	part->copy = copy;
	part->offset = copy->stored;
	part->count = count;
	if (!b->nr_parts)
		b->sector = part->sector;
	b->end = part->sector + ((sector_t)count << area->unit_shift);
	b->nr_parts++;
	page = copy->stored * unit_pages;
	nr = count * unit_pages;
	memcpy(&b->bvec[b->nr_pages], &copy->bvec[page], nr * sizeof(*b->bvec));
	b->nr_pages += nr;
	copy->stored += count;
	store_waited(b->storage, copy, count);
	return true;
}

/*
 * Puts into a batch what is queued and lies side by side. Returns the copy for which
 * there was no space, if there was none for any. That has to be said here: who looks
 * at the queue again may find a copy that has only just come.
 */
static struct copy *batch_fill(struct diff_storage *s, struct batch *b)
{
	struct copy *copy;

	b->nr_parts = 0;
	b->nr_pages = 0;
	b->end = 0;
	b->error = 0;
	while ((copy = queue_first(s)) != NULL) {
		if (READ_ONCE(copy->area->error) && !copy->stored) {
			queue_del(s, copy);
			store_waited(s, copy, copy->count);
			copy->failed = true;
			store_over(s, copy);
			continue;
		}
		if (!batch_add(b, copy))
			break;
		if (copy->stored == copy->count)
			queue_del(s, copy);
	}
	return b->nr_parts ? NULL : copy;
}

static void batch_written(struct diff_storage *s, struct batch *b)
{
	unsigned int i;

	for (i = 0; i < b->nr_parts; i++) {
		struct part *part = &b->parts[i];
		struct copy *copy = part->copy;

		store_part(copy, part->offset, part->count, part->sector, b->error);
		/* The queue has no more of it, and batches complete in any order. */
		copy->written += part->count;
		if (copy->written == copy->count)
			store_over(s, copy);
	}
	list_add(&b->link, &s->idle);
}

static void batch_end_io(struct bio *bio)
{
	struct batch *b = container_of(bio, struct batch, bio);
	struct diff_storage *s = b->storage;
	unsigned long flags;

	b->error = blk_status_to_errno(bio->bi_status);
	bio_uninit(bio);
	spin_lock_irqsave(&s->lock, flags);
	list_add_tail(&b->link, &s->done);
	spin_unlock_irqrestore(&s->lock, flags);
	/* In the worker itself, which is going to look, if the driver is done at once. */
	if (!in_task() || READ_ONCE(s->task) != current)
		store_kick(s);
}

static int file_write(struct diff_storage *s, struct bio_vec *bvec, unsigned int nr_pages,
		      sector_t sector)
{
	loff_t pos = (loff_t)sector << SECTOR_SHIFT;
	struct iov_iter iter;
	ssize_t n;

	iov_iter_bvec(&iter, ITER_SOURCE, bvec, nr_pages, (size_t)nr_pages << PAGE_SHIFT);
	while (iov_iter_count(&iter)) {
		n = compat_file_write(s->file, &iter, &pos);
		/* What O_DIRECT cannot do here goes by way of the page cache. */
		if (n == -EINVAL && (s->file->f_flags & O_DIRECT)) {
			compat_file_set_direct(s->file, false);
			continue;
		}
		if (n <= 0)
			return n ? n : -EIO;
	}
	return 0;
}

static void batch_write(struct diff_storage *s, struct batch *b)
{
	struct bio *bio = &b->bio;

	if (s->file) {
		b->error = file_write(s, b->bvec, b->nr_pages, b->sector);
		if (b->error == -ENOSPC)
			diff_storage_no_space(s, b->end);
		batch_written(s, b);
		return;
	}
	bio_init(bio, s->bdev.bdev, b->bvec, BATCH_PAGES, REQ_OP_WRITE);
	bio->bi_vcnt = b->nr_pages;
	bio->bi_iter.bi_sector = b->sector;
	bio->bi_iter.bi_size = b->nr_pages << PAGE_SHIFT;
	bio->bi_end_io = batch_end_io;
	submit_bio_noacct(bio);
}

/**
 * store_write_through - write a page to the start of the storage, down to where it lies
 * @s: a storage in which nothing is kept
 * @page: is written
 *
 * Return: 0 or a negative errno.
 */
int store_write_through(struct diff_storage *s, struct page *page)
{
	struct bio_vec bvec;
	struct bio bio;
	int ret;

	bvec_set_page(&bvec, page, PAGE_SIZE, 0);
	if (s->file)
		return file_write(s, &bvec, 1, 0) ?: vfs_fsync(s->file, 0);
	bio_init(&bio, s->bdev.bdev, &bvec, 1, REQ_OP_WRITE);
	bio.bi_vcnt = 1;
	bio.bi_iter.bi_size = PAGE_SIZE;
	ret = submit_bio_wait(&bio);
	bio_uninit(&bio);
	return ret ?: blkdev_issue_flush(s->bdev.bdev);
}

static void store_reap(struct diff_storage *s)
{
	struct batch *b;

	for (;;) {
		spin_lock_irq(&s->lock);
		b = list_first_entry_or_null(&s->done, struct batch, link);
		if (b)
			list_del(&b->link);
		spin_unlock_irq(&s->lock);
		if (!b)
			return;
		batch_written(s, b);
	}
}

/* There is no room for the first in the queue, and there will be none. */
static void store_overflow(struct diff_storage *s, struct copy *copy)
{
	u32 left = copy->count - copy->stored;

	diff_storage_no_space(s, READ_ONCE(s->allocated) +
			      ((sector_t)left << copy->area->unit_shift));
	diff_area_corrupt(copy->area, -ENOSPC);
	queue_del(s, copy);
	store_waited(s, copy, left);
	copy->failed = true;
	copy->written += left;
	if (copy->written == copy->count)
		store_over(s, copy);
}

static void store_work(struct work_struct *work)
{
	struct diff_storage *s = container_of(to_delayed_work(work), struct diff_storage,
					      store_work);
	unsigned int noio = memalloc_noio_save();
	struct copy *copy;
	struct batch *b;

	WRITE_ONCE(s->task, current);
	for (;;) {
		store_reap(s);
		b = list_first_entry_or_null(&s->idle, struct batch, link);
		/* The end of one of the batches brings us back. */
		if (!b)
			break;
		list_del(&b->link);
		copy = batch_fill(s, b);
		if (b->nr_parts) {
			batch_write(s, b);
			continue;
		}
		list_add(&b->link, &s->idle);
		if (!copy || diff_storage_grow(s))
			break;
		store_overflow(s, copy);
	}
	WRITE_ONCE(s->task, NULL);
	memalloc_noio_restore(noio);
}

/**
 * store_flush - have the copies of corrupted areas dropped
 * @s: the storage
 */
void store_flush(struct diff_storage *s)
{
	store_kick(s);
	wake_up_all(&s->room);
}

int store_init(struct diff_storage *s)
{
	unsigned int i;

	INIT_LIST_HEAD(&s->queue);
	INIT_LIST_HEAD(&s->idle);
	INIT_LIST_HEAD(&s->done);
	init_waitqueue_head(&s->room);
	INIT_DELAYED_WORK(&s->store_work, store_work);
	s->progress = jiffies;
	s->pending_max = (size_t)param_chunk_maximum_in_queue() << param_chunk_minimum_shift();
	s->batches = kvcalloc(BATCHES, sizeof(*s->batches), GFP_KERNEL);
	if (!s->batches)
		return -ENOMEM;
	for (i = 0; i < BATCHES; i++) {
		s->batches[i].storage = s;
		list_add_tail(&s->batches[i].link, &s->idle);
	}
	s->wq = alloc_workqueue("blksnap-store", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!s->wq) {
		kvfree(s->batches);
		return -ENOMEM;
	}
	if (!s->in_place)
		copy_alloc_spares(s);
	return 0;
}

/* No copies are left. */
void store_exit(struct diff_storage *s)
{
	cancel_delayed_work_sync(&s->store_work);
	destroy_workqueue(s->wq);
	copy_free_spares(s);
	kvfree(s->batches);
}
