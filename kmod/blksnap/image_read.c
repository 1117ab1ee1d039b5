// SPDX-License-Identifier: GPL-2.0
/*
 * Reads of an image.
 *
 * In most cases all of a read is in one place. If that is a block device, the source or
 * the storage, the bio itself goes there; if it is memory, it is copied from there. No
 * writer waits for such a read. Instead it is looked afterwards whether what it read can
 * have gone elsewhere meanwhile, and if so it is read again.
 *
 * That, and what is in several places, is read in parts. Such a read registers with the
 * area for as long as it lasts, and no unit that it looks for is overwritten.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mempool.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "compat.h"
#include "diff_area.h"
#include "diff_storage.h"
#include "image.h"

/* Reads of a kind that can be under way without more memory. */
#define READS_RESERVE	64

/**
 * struct whole_read - a read whose bio itself went to a device
 * @work: reads in parts, if it has to be done again
 * @area: the area
 * @bio: from the user
 * @bdev: of @bio, as it came
 * @iter: likewise
 * @end_io: likewise
 * @private: likewise
 * @shard: of the units; NULL if they are in several
 * @changes: of the units, from before it was looked where they are
 * @stored: the device is the storage
 */
struct whole_read {
	struct work_struct work;
	struct diff_area *area;
	struct bio *bio;
	struct block_device *bdev;
	struct bvec_iter iter;
	bio_end_io_t *end_io;
	void *private;
	struct shard *shard;
	unsigned long changes;
	bool stored;
};

/**
 * struct parts_read - a read that is done in parts
 * @reader: registered with the area
 * @area: the area
 * @bio: from the user
 * @pending: parts under way
 * @status: first error
 */
struct parts_read {
	struct area_reader reader;
	struct diff_area *area;
	struct bio *bio;
	atomic_t pending;
	blk_status_t status;
};

/**
 * struct file_read - a part that is read from a file
 * @work: does it
 * @read: it is a part of
 * @skip: bytes of the bio before the part
 * @bytes: of the part
 * @pos: in the file
 */
struct file_read {
	struct work_struct work;
	struct parts_read *read;
	unsigned int skip;
	unsigned int bytes;
	loff_t pos;
};

static struct kmem_cache *whole_read_cache;
static struct kmem_cache *parts_read_cache;
static struct kmem_cache *file_read_cache;
static mempool_t whole_read_pool;
/* One for the next read of this CPU: drivers in memory are done before they return. */
static DEFINE_PER_CPU(struct whole_read *, whole_read_spare);
static mempool_t parts_read_pool;
static mempool_t file_read_pool;
static struct bio_set read_bios;
/* Apart from that of the images, whose work waits for this. */
static struct workqueue_struct *read_wq;

/*
 * Reads in parts.
 */

static void read_failed(struct parts_read *read, blk_status_t status)
{
	cmpxchg(&read->status, BLK_STS_OK, status);
}

static void read_put(struct parts_read *read)
{
	struct diff_area *area = read->area;
	struct bio *bio = read->bio;

	if (!atomic_dec_and_test(&read->pending))
		return;
	bio->bi_status = READ_ONCE(read->status);
	/* A write may not have waited for us, if that is what corrupted it. */
	if (READ_ONCE(area->error))
		bio->bi_status = BLK_STS_IOERR;
	diff_area_reader_del(area, &read->reader);
	mempool_free(read, &parts_read_pool);
	diff_area_put(area);
	bio_endio(bio);
}

/* A part went to the source or to a block device that is the storage. */
static void read_end_part(struct bio *clone)
{
	struct parts_read *read = clone->bi_private;

	if (clone->bi_status)
		read_failed(read, clone->bi_status);
	bio_put(clone);
	read_put(read);
}

static void read_end_storage(struct bio *clone)
{
	struct parts_read *read = clone->bi_private;

	if (clone->bi_status)
		diff_area_corrupt(read->area, -EIO);
	read_end_part(clone);
}

static void read_from_bdev(struct parts_read *read, struct block_device *bdev,
			   unsigned int skip, unsigned int bytes, sector_t sector,
			   bio_end_io_t *end_io)
{
	struct bio *clone;

	clone = bio_alloc_clone(bdev, read->bio, GFP_NOIO, &read_bios);
	bio_trim(clone, skip >> SECTOR_SHIFT, bytes >> SECTOR_SHIFT);
	clone->bi_iter.bi_sector = sector;
	clone->bi_end_io = end_io;
	clone->bi_private = read;
	atomic_inc(&read->pending);
	submit_bio_noacct(clone);
}

static int file_read(struct diff_storage *s, struct bio *bio, unsigned int skip,
		     unsigned int bytes, loff_t pos)
{
	struct bvec_iter bi = bio->bi_iter, each;
	unsigned int noio = memalloc_noio_save();
	struct bio_vec bv;
	struct iov_iter iter;
	unsigned int nr = 0;
	ssize_t n = 0;

	bio_advance_iter(bio, &bi, skip);
	bi.bi_size = bytes;
	/* Whole vectors, as they are for the iterator. */
	__bio_for_each_bvec(bv, bio, each, bi)
		nr++;
	iov_iter_bvec(&iter, ITER_DEST, &bio->bi_io_vec[bi.bi_idx], nr, bytes);
	iter.iov_offset = bi.bi_bvec_done;
	while (iov_iter_count(&iter)) {
		n = vfs_iter_read(s->file, &iter, &pos, 0);
		if (n == -EINVAL && (s->file->f_flags & O_DIRECT)) {
			compat_file_set_direct(s->file, false);
			continue;
		}
		if (n <= 0)
			break;
	}
	memalloc_noio_restore(noio);
	if (iov_iter_count(&iter))
		return n < 0 ? n : -EIO;
	return 0;
}

static int memory_read(struct diff_storage *s, struct bio *bio, unsigned int skip,
		       unsigned int bytes, loff_t pos)
{
	struct bvec_iter iter = bio->bi_iter;
	unsigned int done;

	bio_advance_iter(bio, &iter, skip);
	iter.bi_size = bytes;
	done = diff_storage_read_pages(s, bio, iter, pos);
	return done == bytes ? 0 : file_read(s, bio, skip + done, bytes - done, pos + done);
}

static void file_read_done(struct parts_read *read, int error)
{
	if (error) {
		diff_area_corrupt(read->area, error);
		read_failed(read, BLK_STS_IOERR);
	}
	read_put(read);
}

static void file_read_work(struct work_struct *work)
{
	struct file_read *fr = container_of(work, struct file_read, work);
	struct parts_read *read = fr->read;
	int error;

	error = file_read(read->area->storage, read->bio, fr->skip, fr->bytes, fr->pos);
	mempool_free(fr, &file_read_pool);
	file_read_done(read, error);
}

static void read_from_file(struct parts_read *read, unsigned int skip, unsigned int bytes,
			   loff_t pos)
{
	struct diff_storage *s = read->area->storage;
	struct bio_list *list = current->bio_list;
	struct file_read *fr;

	atomic_inc(&read->pending);
	if (s->in_memory) {
		/* What was swapped out is read and waited for. */
		current->bio_list = NULL;
		file_read_done(read, memory_read(s, read->bio, skip, bytes, pos));
		current->bio_list = list;
		return;
	}
	/* Not here: the caller may hold the locks of a filesystem on the image. */
	fr = mempool_alloc(&file_read_pool, GFP_NOIO);
	INIT_WORK(&fr->work, file_read_work);
	fr->read = read;
	fr->skip = skip;
	fr->bytes = bytes;
	fr->pos = pos;
	queue_work(read_wq, &fr->work);
}

/* Runs are where their first unit is. */
static sector_t sector_in_unit(struct diff_area *area, sector_t sector)
{
	return sector & ((1U << area->unit_shift) - 1);
}

static void read_run(struct parts_read *read, struct unit_run *run, sector_t sector,
		     sector_t end)
{
	struct diff_area *area = read->area;
	sector_t begin = read->bio->bi_iter.bi_sector;
	unsigned int skip = (sector - begin) << SECTOR_SHIFT;
	unsigned int bytes = (end - sector) << SECTOR_SHIFT;
	sector_t in_unit = sector_in_unit(area, sector);

	switch (run->place) {
	case UNIT_SOURCE:
		read_from_bdev(read, area->bdev, skip, bytes, sector, read_end_part);
		break;
	case UNIT_COPY:
		copy_data(run->copy, sector, read->bio, begin, bytes, true);
		copy_put(run->copy);
		break;
	case UNIT_STORAGE:
		if (area->storage->file)
			read_from_file(read, skip, bytes,
				       (loff_t)(run->sector + in_unit) << SECTOR_SHIFT);
		else
			read_from_bdev(read, area->storage->bdev.bdev, skip, bytes,
				       run->sector + in_unit, read_end_storage);
		break;
	case UNIT_RELEASED:
		read_failed(read, BLK_STS_IOERR);
		break;
	}
}

static void read_parts(struct diff_area *area, struct bio *bio)
{
	struct parts_read *read = mempool_alloc(&parts_read_pool, GFP_NOIO);
	sector_t sector = bio->bi_iter.bi_sector;
	sector_t end = bio_end_sector(bio), run_end;
	struct unit_run run;
	u64 unit, last;

	diff_area_get(area);
	read->area = area;
	read->bio = bio;
	read->reader.first = sector >> area->unit_shift;
	read->reader.last = (end - 1) >> area->unit_shift;
	read->status = BLK_STS_OK;
	atomic_set(&read->pending, 1);
	diff_area_reader_add(area, &read->reader);
	while (sector < end) {
		unit = sector >> area->unit_shift;
		last = min(diff_area_chunk_last(area, unit), read->reader.last);
		pieces_lookup(area, unit, last, &run);
		run_end = min(end, (sector_t)(run.last + 1) << area->unit_shift);
		read_run(read, &run, sector, run_end);
		sector = run_end;
	}
	read_put(read);
}

/*
 * Reads as a whole.
 */

static struct whole_read *whole_read_alloc(void)
{
	struct whole_read *read = this_cpu_xchg(whole_read_spare, NULL);

	return read ?: mempool_alloc(&whole_read_pool, GFP_NOIO);
}

/* The reserve is refilled first: what a CPU keeps for itself, others may be waiting for. */
static void whole_read_free(struct whole_read *read)
{
	if (READ_ONCE(whole_read_pool.curr_nr) < whole_read_pool.min_nr ||
	    this_cpu_cmpxchg(whole_read_spare, NULL, read))
		mempool_free(read, &whole_read_pool);
}

static void whole_read_work(struct work_struct *work)
{
	struct whole_read *read = container_of(work, struct whole_read, work);
	unsigned int noio = memalloc_noio_save();
	struct diff_area *area = read->area;
	struct bio *bio = read->bio;

	bio->bi_iter = read->iter;
	bio->bi_status = BLK_STS_OK;
	bio_set_dev(bio, read->bdev);
	whole_read_free(read);
	read_parts(area, bio);
	diff_area_put(area);
	memalloc_noio_restore(noio);
}

static u64 iter_first(const struct diff_area *area, const struct bvec_iter *iter)
{
	return iter->bi_sector >> area->unit_shift;
}

static u64 iter_last(const struct diff_area *area, const struct bvec_iter *iter)
{
	return (iter->bi_sector + (iter->bi_size >> SECTOR_SHIFT) - 1) >> area->unit_shift;
}

static unsigned long iter_changes(struct diff_area *area, const struct bvec_iter *iter,
				  const struct shard *shard)
{
	if (likely(shard))
		return READ_ONCE(shard->changes);
	return pieces_changes(area, iter_first(area, iter), iter_last(area, iter));
}

static bool iter_changed(struct diff_area *area, const struct bvec_iter *iter,
			 const struct shard *shard, unsigned long changes)
{
	/* Looked at after the data. */
	smp_rmb();
	return iter_changes(area, iter, shard) != changes;
}

static void whole_read_end(struct bio *bio)
{
	struct whole_read *read = bio->bi_private;
	struct diff_area *area = read->area;

	bio->bi_end_io = read->end_io;
	bio->bi_private = read->private;
	if (unlikely(iter_changed(area, &read->iter, read->shard, read->changes))) {
		INIT_WORK(&read->work, whole_read_work);
		queue_work(read_wq, &read->work);
		return;
	}
	if (bio->bi_status && read->stored)
		diff_area_corrupt(area, -EIO);
	if (READ_ONCE(area->error))
		bio->bi_status = BLK_STS_IOERR;
	whole_read_free(read);
	diff_area_put(area);
	bio->bi_end_io(bio);
}

/* Sends a read to where all of it is: to @sector of the source, or of the storage. */
static __always_inline void read_whole(struct diff_area *area, struct bio *bio,
				       struct shard *shard, unsigned long changes,
				       sector_t sector, bool stored)
{
	struct whole_read *read = whole_read_alloc();

	diff_area_get(area);
	read->area = area;
	read->bio = bio;
	read->bdev = bio->bi_bdev;
	read->iter = bio->bi_iter;
	read->end_io = bio->bi_end_io;
	read->private = bio->bi_private;
	read->shard = shard;
	read->changes = changes;
	read->stored = stored;
	bio->bi_end_io = whole_read_end;
	bio->bi_private = read;
	blkfilter_redirect(bio, stored ? area->storage->bdev.bdev : area->bdev, sector);
}

/* Whether all of it was in memory, and stayed there. */
static bool read_memory(struct diff_area *area, struct bio *bio, const struct unit_run *run,
			const struct shard *shard, unsigned long changes)
{
	sector_t sector = run->sector + sector_in_unit(area, bio->bi_iter.bi_sector);

	return diff_storage_read_pages(area->storage, bio, bio->bi_iter,
				       (loff_t)sector << SECTOR_SHIFT) == bio->bi_iter.bi_size &&
	       !iter_changed(area, &bio->bi_iter, shard, changes) && !READ_ONCE(area->error);
}

/* Whether all of it is on the source, or side by side in the storage. */
static bool read_in_one(struct diff_area *area, u64 first, u64 last, struct unit_run *whole)
{
	struct unit_run next;

	pieces_lookup(area, first, min(last, diff_area_chunk_last(area, first)), whole);
	if (whole->copy)
		copy_put(whole->copy);
	if (whole->place != UNIT_SOURCE && whole->place != UNIT_STORAGE)
		return false;
	for (; whole->last < last; whole->last = next.last) {
		u64 unit = whole->last + 1;

		pieces_lookup(area, unit, min(last, diff_area_chunk_last(area, unit)), &next);
		if (next.copy)
			copy_put(next.copy);
		if (next.place != whole->place ||
		    (next.place == UNIT_STORAGE && next.sector != whole->sector +
		     ((sector_t)(unit - first) << area->unit_shift)))
			return false;
	}
	return true;
}

/* A read of something that may have gone from the source. */
static noinline void read_kept(struct diff_area *area, struct bio *bio, struct shard *shard,
			       unsigned long changes)
{
	u64 first = iter_first(area, &bio->bi_iter), last = iter_last(area, &bio->bi_iter);
	sector_t sector = bio->bi_iter.bi_sector;
	struct diff_storage *s = area->storage;
	struct unit_run run;
	bool stored;

	if (!read_in_one(area, first, last, &run)) {
		read_parts(area, bio);
		return;
	}
	stored = run.place == UNIT_STORAGE;
	if (!stored || !s->file)
		read_whole(area, bio, shard, changes,
			   stored ? run.sector + sector_in_unit(area, sector) : sector, stored);
	else if (s->in_memory && read_memory(area, bio, &run, shard, changes))
		bio_endio(bio);
	else
		read_parts(area, bio);
}

/**
 * image_read - have a bio filled with what the image shows there
 * @area: of the image
 * @bio: within it
 */
void image_read(struct diff_area *area, struct bio *bio)
{
	u64 first = iter_first(area, &bio->bi_iter);
	struct shard *shard = shard_of(area, first);
	unsigned long changes;

	if (unlikely(iter_last(area, &bio->bi_iter) > diff_area_chunk_last(area, first)))
		shard = NULL;
	changes = iter_changes(area, &bio->bi_iter, shard);
	/* Looked at before the pieces. */
	smp_rmb();
	if (likely(shard) && pieces_none(area, shard))
		read_whole(area, bio, shard, changes, bio->bi_iter.bi_sector, false);
	else
		read_kept(area, bio, shard, changes);
}

static void read_wait_end_io(struct bio *bio)
{
	complete(bio->bi_private);
}

/**
 * image_read_unit - fill the pages of one unit of a copy with what the image shows there
 * @area: of the image
 * @copy: the copy
 * @unit: one of its units
 *
 * Return: 0 or an errno.
 */
int image_read_unit(struct diff_area *area, struct copy *copy, u64 unit)
{
	unsigned int pages = diff_area_unit_pages(area);
	struct bio_vec *bvec = &copy->bvec[(unit - copy->unit) * pages];
	sector_t sector = unit << area->unit_shift;
	DECLARE_COMPLETION_ONSTACK(done);
	sector_t count = min((sector_t)1 << area->unit_shift, area->capacity - sector);
	struct bio *bio;
	int ret;

	bio = bio_alloc_bioset(area->bdev, pages, REQ_OP_READ, GFP_NOIO, &read_bios);
	memcpy(bio->bi_io_vec, bvec, pages * sizeof(*bvec));
	bio->bi_vcnt = pages;
	bio->bi_iter.bi_sector = sector;
	bio->bi_iter.bi_size = count << SECTOR_SHIFT;
	bio->bi_end_io = read_wait_end_io;
	bio->bi_private = &done;
	image_read(area, bio);
	wait_for_completion_io(&done);
	ret = blk_status_to_errno(bio->bi_status);
	bio_put(bio);
	return ret;
}

int __init image_read_init(void)
{
	int ret = -ENOMEM;

	whole_read_cache = KMEM_CACHE(whole_read, 0);
	parts_read_cache = KMEM_CACHE(parts_read, 0);
	file_read_cache = KMEM_CACHE(file_read, 0);
	if (!whole_read_cache || !parts_read_cache || !file_read_cache)
		goto caches;
	ret = mempool_init_slab_pool(&whole_read_pool, READS_RESERVE, whole_read_cache);
	if (ret)
		goto caches;
	ret = mempool_init_slab_pool(&parts_read_pool, READS_RESERVE, parts_read_cache);
	if (ret)
		goto whole;
	ret = mempool_init_slab_pool(&file_read_pool, READS_RESERVE, file_read_cache);
	if (ret)
		goto parts;
	ret = bioset_init(&read_bios, READS_RESERVE, 0, BIOSET_NEED_BVECS);
	if (ret)
		goto file;
	read_wq = alloc_workqueue("blksnap-read", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (read_wq)
		return 0;
	ret = -ENOMEM;
	bioset_exit(&read_bios);
file:
	mempool_exit(&file_read_pool);
parts:
	mempool_exit(&parts_read_pool);
whole:
	mempool_exit(&whole_read_pool);
caches:
	kmem_cache_destroy(file_read_cache);
	kmem_cache_destroy(parts_read_cache);
	kmem_cache_destroy(whole_read_cache);
	return ret;
}

void image_read_exit(void)
{
	int cpu;

	destroy_workqueue(read_wq);
	for_each_possible_cpu(cpu)
		mempool_free(per_cpu(whole_read_spare, cpu), &whole_read_pool);
	bioset_exit(&read_bios);
	mempool_exit(&file_read_pool);
	mempool_exit(&parts_read_pool);
	mempool_exit(&whole_read_pool);
	kmem_cache_destroy(file_read_cache);
	kmem_cache_destroy(parts_read_cache);
	kmem_cache_destroy(whole_read_cache);
}
