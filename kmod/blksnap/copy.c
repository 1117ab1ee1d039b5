// SPDX-License-Identifier: GPL-2.0
/*
 * Copies: pages that take what is on the source before it is overwritten, and hold
 * it until it is stored.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "diff_area.h"
#include "diff_storage.h"

/* How long to try for memory: stored copies give theirs back. */
#define ALLOC_TRIES	50
#define ALLOC_PAUSE_MS	20

/* Pages that a storage keeps for copies to come: 8 MiB. */
#define SPARES_MAX	2048

static void copy_add_page(struct copy *copy, struct page *page)
{
	bvec_set_page(&copy->bvec[copy->nr_pages++], page, PAGE_SIZE, 0);
}

/*
 * Pages of copies that were stored serve the next ones: most kernels clear a page
 * that is allocated, which costs more than to fill it.
 */
static void copy_take_spares(struct copy *copy, struct diff_storage *s, unsigned int nr)
{
	struct page *page;

	spin_lock(&s->spare_lock);
	while (copy->nr_pages < nr && s->spares) {
		page = s->spares;
		s->spares = (struct page *)page_private(page);
		s->nr_spares--;
		set_page_private(page, 0);
		copy_add_page(copy, page);
	}
	spin_unlock(&s->spare_lock);
}

static void spare_push(struct diff_storage *s, struct page *page)
{
	set_page_private(page, (unsigned long)s->spares);
	s->spares = page;
	s->nr_spares++;
}

static void copy_give_spares(struct copy *copy, struct diff_storage *s)
{
	spin_lock(&s->spare_lock);
	while (copy->nr_pages && s->nr_spares < SPARES_MAX)
		spare_push(s, copy->bvec[--copy->nr_pages].bv_page);
	spin_unlock(&s->spare_lock);
}

/* Nor need the copies themselves be cleared; those of one page are many. */
static struct copy *copy_take_spare(struct diff_storage *s)
{
	struct copy *copy;

	spin_lock(&s->spare_lock);
	copy = s->spare_copies;
	if (copy) {
		s->spare_copies = copy->spare;
		s->nr_spare_copies--;
	}
	spin_unlock(&s->spare_lock);
	return copy;
}

static void copy_free(struct copy *copy, struct diff_storage *s)
{
	if (copy->most_pages == 1) {
		bool keep;

		spin_lock(&s->spare_lock);
		keep = s->nr_spare_copies < SPARES_MAX;
		if (keep) {
			copy->spare = s->spare_copies;
			s->spare_copies = copy;
			s->nr_spare_copies++;
		}
		spin_unlock(&s->spare_lock);
		if (keep)
			return;
	}
	kfree(copy);
}

/**
 * copy_alloc_spares - have pages at hand before there are copies
 * @s: a new storage
 *
 * So that the first writers need not wait for memory to be found and cleared. Where memory
 * is short there are fewer.
 */
void copy_alloc_spares(struct diff_storage *s)
{
	struct page *page;

	while (s->nr_spares < SPARES_MAX) {
		page = alloc_page(GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY);
		if (!page)
			break;
		spare_push(s, page);
	}
}

/**
 * copy_free_spares - free what is kept for the copies to come
 * @s: a storage for which there will be none
 */
void copy_free_spares(struct diff_storage *s)
{
	while (s->spares) {
		struct page *page = s->spares;

		s->spares = (struct page *)page_private(page);
		set_page_private(page, 0);
		__free_page(page);
	}
	while (s->spare_copies) {
		struct copy *copy = s->spare_copies;

		s->spare_copies = copy->spare;
		kfree(copy);
	}
}

static bool copy_alloc_pages(struct copy *copy, struct diff_storage *s, unsigned int nr)
{
	copy_take_spares(copy, s, nr);
	while (copy->nr_pages < nr) {
		struct page *page = alloc_page(GFP_NOIO | __GFP_NOWARN | __GFP_NORETRY);

		if (!page)
			return false;
		copy_add_page(copy, page);
	}
	return true;
}

static void copy_init(struct copy *copy, struct diff_area *area, u64 unit)
{
	INIT_LIST_HEAD(&copy->link);
	refcount_set(&copy->ref, 1);
	copy->area = area;
	copy->unit = unit;
	copy->count = copy->nr_pages / diff_area_unit_pages(area);
	copy->stored = 0;
	copy->written = 0;
	copy->state = COPY_READING;
	copy->piece = NULL;
	copy->follows = true;
	copy->joins = false;
	copy->failed = false;
	diff_area_get(area);
}

static struct copy *copy_new(struct diff_storage *s, unsigned int nr)
{
	struct copy *copy = nr == 1 ? copy_take_spare(s) : NULL;

	if (!copy)
		copy = kmalloc(struct_size(copy, bvec, nr), GFP_NOIO | __GFP_NOWARN);
	if (copy) {
		copy->most_pages = nr;
		copy->nr_pages = 0;
		copy->in_place = false;
	}
	return copy;
}

/**
 * copy_alloc_in_place - a copy that takes pages and space of the storage
 * @area: of what device
 * @unit: first unit
 * @count: units
 *
 * Return: a copy as from copy_alloc(), or of fewer units; NULL if the storage has no
 * such pages, or no space.
 */
struct copy *copy_alloc_in_place(struct diff_area *area, u64 unit, u32 count)
{
	unsigned int nr = count * diff_area_unit_pages(area);
	struct diff_storage *s = area->storage;
	struct copy *copy;

	if (!READ_ONCE(s->in_place))
		return NULL;
	copy = copy_new(s, nr);
	if (!copy)
		return NULL;
	copy->nr_pages = diff_storage_get_pages(s, copy->bvec, nr, &copy->sector);
	if (!copy->nr_pages) {
		copy_free(copy, s);
		return NULL;
	}
	copy->in_place = true;
	copy_init(copy, area, unit);
	return copy;
}

/* Gives back what a copy has in the storage from its unit @count on. */
static void copy_unplace(struct copy *copy, u32 count)
{
	struct diff_area *area = copy->area;
	unsigned int nr = count * diff_area_unit_pages(area);
	sector_t sector = copy->sector + ((sector_t)count << area->unit_shift);

	diff_storage_put_pages(area->storage, &copy->bvec[nr], copy->nr_pages - nr, sector, false);
	diff_storage_free(area->storage, sector,
			  (copy->nr_pages - nr) << (PAGE_SHIFT - SECTOR_SHIFT));
	copy->nr_pages = nr;
}

/**
 * copy_trim - give back what the copy has more than it needs
 * @copy: made smaller when it was claimed
 */
void copy_trim(struct copy *copy)
{
	if (copy->in_place && copy->nr_pages > copy->count * diff_area_unit_pages(copy->area))
		copy_unplace(copy, copy->count);
}

/**
 * copy_alloc - memory for a copy
 * @area: of what device
 * @unit: first unit
 * @count: units
 * @least: how many of them will do if there is no memory for all
 *
 * The copy is a user of the area.
 *
 * Return: the copy with one reference; NULL if there was no memory for a while.
 */
struct copy *copy_alloc(struct diff_area *area, u64 unit, u32 count, u32 least)
{
	unsigned int unit_pages = diff_area_unit_pages(area);
	unsigned int nr = count * unit_pages;
	struct copy *copy = NULL;
	int tries;

	for (tries = 0; tries < ALLOC_TRIES; tries++) {
		if (tries)
			msleep(ALLOC_PAUSE_MS);
		if (!copy)
			copy = copy_new(area->storage, nr);
		if (!copy)
			continue;
		if (copy_alloc_pages(copy, area->storage, nr) ||
		    copy->nr_pages >= least * unit_pages)
			break;
	}
	if (!copy)
		return NULL;
	copy_init(copy, area, unit);
	if (copy->count < least) {
		copy_put(copy);
		return NULL;
	}
	return copy;
}

void copy_get(struct copy *copy)
{
	refcount_inc(&copy->ref);
}

void copy_put(struct copy *copy)
{
	struct diff_area *area = copy->area;

	if (!refcount_dec_and_test(&copy->ref))
		return;
	if (copy->in_place) {
		/* What was read belongs to pieces now. */
		if (copy->state == COPY_READING)
			copy_unplace(copy, 0);
		diff_storage_put_pages(area->storage, copy->bvec, copy->nr_pages, copy->sector,
				       true);
	} else {
		copy_give_spares(copy, area->storage);
		while (copy->nr_pages)
			__free_page(copy->bvec[--copy->nr_pages].bv_page);
	}
	copy_free(copy, area->storage);
	diff_area_put(area);
}

static void copy_read_end_io(struct bio *bio)
{
	struct copy *copy = container_of(bio, struct copy, bio);
	struct task_struct *reader = copy->reader;

	copy->failed = bio->bi_status;
	rcu_read_lock();
	/* The reader may go on, and exit, as soon as it sees that it is over. */
	smp_store_release(&copy->reader, NULL);
	blk_wake_io_task(reader);
	rcu_read_unlock();
}

/**
 * copy_read_start - begin to read the units from the source
 * @copy: claimed
 *
 * Nothing but copy_read_finish() may follow.
 */
void copy_read_start(struct copy *copy)
{
	struct diff_area *area = copy->area;
	unsigned int bytes = copy->count << (area->unit_shift + SECTOR_SHIFT);
	sector_t sector = copy->unit << area->unit_shift;
	sector_t left = area->capacity - sector;
	struct bio *bio = &copy->bio;
	unsigned int nr = bytes >> PAGE_SHIFT;

	/* The last unit may reach beyond the device. */
	if (unlikely(left < bytes >> SECTOR_SHIFT)) {
		copy_clear_tail(copy, area->capacity);
		bytes = left << SECTOR_SHIFT;
		nr = DIV_ROUND_UP(bytes, PAGE_SIZE);
	}
	copy->reader = current;
	bio_init(bio, area->bdev, copy->bvec, nr, REQ_OP_READ | REQ_SYNC);
	bio->bi_vcnt = nr;
	bio->bi_iter.bi_sector = sector;
	bio->bi_iter.bi_size = bytes;
	bio->bi_end_io = copy_read_end_io;
	submit_bio_noacct(bio);
}

/**
 * copy_read_finish - wait for the data
 * @copy: of which the read was begun, by this task
 *
 * No signal ends the wait: a write must not go on before.
 *
 * Return: 0 or -EIO.
 */
int copy_read_finish(struct copy *copy)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		/* Pairs with the release when it is over. */
		if (!smp_load_acquire(&copy->reader))
			break;
		blk_io_schedule();
	}
	__set_current_state(TASK_RUNNING);
	bio_uninit(&copy->bio);
	return copy->failed ? -EIO : 0;
}

/* Clears what is in the pages beyond @end, where the device ends. */
void copy_clear_tail(struct copy *copy, sector_t end)
{
	struct diff_area *area = copy->area;
	size_t have = (end - (copy->unit << area->unit_shift)) << SECTOR_SHIFT;
	unsigned int i, page = have >> PAGE_SHIFT;
	unsigned int nr = copy->count * diff_area_unit_pages(area);

	if (offset_in_page(have))
		memzero_page(copy->bvec[page].bv_page, offset_in_page(have),
			     PAGE_SIZE - offset_in_page(have));
	for (i = DIV_ROUND_UP(have, PAGE_SIZE); i < nr; i++)
		clear_highpage(copy->bvec[i].bv_page);
}

/**
 * copy_data - copy between a copy and a bio
 * @copy: the copy
 * @sector: of the device, at which to begin
 * @bio: a bio of the image, of which nothing is done yet
 * @from: sector of the device at which the bio begins
 * @bytes: how much
 * @to_bio: direction
 */
void copy_data(struct copy *copy, sector_t sector, struct bio *bio, sector_t from,
	       unsigned int bytes, bool to_bio)
{
	sector_t begin = copy->unit << copy->area->unit_shift;
	unsigned int pos = (sector - begin) << SECTOR_SHIFT;
	struct bvec_iter iter = bio->bi_iter;

	bio_advance_iter(bio, &iter, (sector - from) << SECTOR_SHIFT);
	iter.bi_size = bytes;
	while (iter.bi_size) {
		struct bio_vec bv = bio_iter_iovec(bio, iter);
		unsigned int offset = offset_in_page(pos);
		unsigned int n = min_t(unsigned int, bv.bv_len, PAGE_SIZE - offset);
		struct page *page = copy->bvec[pos >> PAGE_SHIFT].bv_page;

		if (to_bio)
			memcpy_page(bv.bv_page, bv.bv_offset, page, offset, n);
		else
			memcpy_page(page, offset, bv.bv_page, bv.bv_offset, n);
		if (to_bio)
			flush_dcache_page(bv.bv_page);
		bio_advance_iter_single(bio, &iter, n);
		pos += n;
	}
}
