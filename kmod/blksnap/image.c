// SPDX-License-Identifier: GPL-2.0
/*
 * Images: block devices that show a device as it was at the take.
 *
 * A read registers with the area for as long as it lasts, so that no unit it looks
 * for on the source is overwritten meanwhile. In most cases all of it is in one place
 * of a block device: then the bio itself goes there. Else it is cut into runs.
 *
 * What changes the image - writes, and discards that release - is done by a worker,
 * one by one.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mempool.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "cbt_map.h"
#include "compat.h"
#include "diff_area.h"
#include "diff_storage.h"
#include "image.h"
#include "tracker.h"

/* Reads that can be under way without more memory. */
#define READS_RESERVE	64

/**
 * struct image_read - a read of an image
 * @reader: registered with the area
 * @area: the area
 * @bio: from the user
 * @end_io: of @bio, if @bio itself went to a device
 * @private: likewise
 * @stored: that is the storage
 * @pending: parts under way
 * @status: first error
 */
struct image_read {
	struct area_reader reader;
	struct diff_area *area;
	struct bio *bio;
	bio_end_io_t *end_io;
	void *private;
	bool stored;
	atomic_t pending;
	blk_status_t status;
};

/**
 * struct file_read - a run that is read from a file
 * @work: does it
 * @read: it is a part of
 * @skip: bytes of the bio before the run
 * @bytes: of the run
 * @pos: in the file
 */
struct file_read {
	struct work_struct work;
	struct image_read *read;
	unsigned int skip;
	unsigned int bytes;
	loff_t pos;
};

static struct kmem_cache *read_cache;
static struct kmem_cache *file_read_cache;
static mempool_t read_pool;
static mempool_t file_read_pool;
static struct bio_set image_bios;
static struct workqueue_struct *image_wq;
/* Apart from the other, whose work waits for this. */
static struct workqueue_struct *file_read_wq;

/*
 * The end of a read.
 */

static void read_free(struct image_read *read)
{
	struct diff_area *area = read->area;

	diff_area_reader_del(area, &read->reader);
	mempool_free(read, &read_pool);
	diff_area_put(area);
}

static void read_put(struct image_read *read)
{
	struct bio *bio = read->bio;
	blk_status_t status;

	if (!atomic_dec_and_test(&read->pending))
		return;
	status = READ_ONCE(read->status);
	/* A write may not have waited for us, if that is what corrupted it. */
	if (READ_ONCE(read->area->error))
		status = BLK_STS_IOERR;
	read_free(read);
	bio->bi_status = status;
	bio_endio(bio);
}

static void read_failed(struct image_read *read, blk_status_t status)
{
	cmpxchg(&read->status, BLK_STS_OK, status);
}

/* The bio itself went to the source or to the storage. */
static void read_end_whole(struct bio *bio)
{
	struct image_read *read = bio->bi_private;

	bio->bi_end_io = read->end_io;
	bio->bi_private = read->private;
	if (bio->bi_status && read->stored)
		diff_area_corrupt(read->area, -EIO);
	if (READ_ONCE(read->area->error))
		bio->bi_status = BLK_STS_IOERR;
	read_free(read);
	bio->bi_end_io(bio);
}

/* A part went to the source or to a block device that is the storage. */
static void read_end_part(struct bio *clone)
{
	struct image_read *read = clone->bi_private;

	if (clone->bi_status)
		read_failed(read, clone->bi_status);
	bio_put(clone);
	read_put(read);
}

static void read_end_storage(struct bio *clone)
{
	struct image_read *read = clone->bi_private;

	if (clone->bi_status)
		diff_area_corrupt(read->area, -EIO);
	read_end_part(clone);
}

/*
 * Runs of a read.
 */

static void read_from_bdev(struct image_read *read, struct block_device *bdev,
			   unsigned int skip, unsigned int bytes, sector_t sector,
			   bio_end_io_t *end_io)
{
	struct bio *clone;

	clone = bio_alloc_clone(bdev, read->bio, GFP_NOIO, &image_bios);
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
	for_each_bvec(bv, bio->bi_io_vec, each, bi)
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

static void file_read_done(struct image_read *read, int error)
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
	struct image_read *read = fr->read;
	int error;

	error = file_read(read->area->storage, read->bio, fr->skip, fr->bytes, fr->pos);
	mempool_free(fr, &file_read_pool);
	file_read_done(read, error);
}

static void read_from_file(struct image_read *read, unsigned int skip, unsigned int bytes,
			   loff_t pos)
{
	struct diff_storage *s = read->area->storage;
	struct bio_list *list = current->bio_list;
	struct file_read *fr;

	atomic_inc(&read->pending);
	if (s->in_memory) {
		/* What was swapped out is read and waited for. */
		current->bio_list = NULL;
		file_read_done(read, file_read(s, read->bio, skip, bytes, pos));
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
	queue_work(file_read_wq, &fr->work);
}

/* Runs are where their first unit is. */
static sector_t sector_in_unit(struct diff_area *area, sector_t sector)
{
	return sector & ((1U << area->unit_shift) - 1);
}

static void read_run(struct image_read *read, struct unit_run *run, sector_t sector,
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

static void read_cut(struct image_read *read)
{
	struct diff_area *area = read->area;
	sector_t sector = read->bio->bi_iter.bi_sector;
	sector_t end = bio_end_sector(read->bio), run_end;
	struct unit_run run;
	u64 unit, last;

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
 * Whether all of it is on the source, or side by side on a block device that is the
 * storage, and stays there while we are registered.
 */
static bool read_in_one(struct diff_area *area, u64 first, u64 last, struct unit_run *whole)
{
	u64 unit;

	for (unit = first; unit <= last; unit = whole->last + 1) {
		struct unit_run run;

		pieces_lookup(area, unit, min(last, diff_area_chunk_last(area, unit)), &run);
		if (run.copy)
			copy_put(run.copy);
		if (run.place != UNIT_SOURCE &&
		    (run.place != UNIT_STORAGE || area->storage->file))
			return false;
		if (unit == first)
			*whole = run;
		else if (run.place != whole->place ||
			 (run.place == UNIT_STORAGE && run.sector != whole->sector +
			  ((sector_t)(unit - first) << area->unit_shift)))
			return false;
		whole->last = run.last;
	}
	return true;
}

static void image_read(struct diff_area *area, struct bio *bio)
{
	struct image_read *read = mempool_alloc(&read_pool, GFP_NOIO);
	u64 first = bio->bi_iter.bi_sector >> area->unit_shift;
	u64 last = (bio_end_sector(bio) - 1) >> area->unit_shift;
	struct unit_run whole;
	sector_t sector;

	diff_area_get(area);
	read->area = area;
	read->bio = bio;
	read->reader.first = first;
	read->reader.last = last;
	read->status = BLK_STS_OK;
	atomic_set(&read->pending, 1);
	diff_area_reader_add(area, &read->reader);
	if (!read_in_one(area, first, last, &whole)) {
		read_cut(read);
		return;
	}
	read->end_io = bio->bi_end_io;
	read->private = bio->bi_private;
	read->stored = whole.place == UNIT_STORAGE;
	bio->bi_end_io = read_end_whole;
	bio->bi_private = read;
	if (read->stored) {
		sector = bio->bi_iter.bi_sector;
		bio->bi_iter.bi_sector = whole.sector + sector_in_unit(area, sector);
		bio_set_dev(bio, area->storage->bdev.bdev);
	} else {
		bio_set_dev(bio, area->bdev);
	}
	submit_bio_noacct(bio);
}

/*
 * Writes and discards, in the worker.
 */

static blk_status_t image_release(struct diff_area *area, struct bio *bio)
{
	sector_t unit_sectors = 1U << area->unit_shift;
	u64 first = (bio->bi_iter.bi_sector + unit_sectors - 1) >> area->unit_shift;
	u64 end = bio_end_sector(bio) >> area->unit_shift;

	/* The last unit may be cut off by the end of the device. */
	if (bio_end_sector(bio) == area->capacity)
		end = (area->capacity + unit_sectors - 1) >> area->unit_shift;
	if (first >= end)
		return BLK_STS_OK;
	return pieces_release(area, first, end - 1) ? BLK_STS_RESOURCE : BLK_STS_OK;
}

static void read_wait_end_io(struct bio *bio)
{
	complete(bio->bi_private);
}

/* Fills the pages of one unit of a copy with what the image shows there. */
static int unit_load(struct diff_area *area, struct copy *copy, u64 unit)
{
	unsigned int pages = diff_area_unit_pages(area);
	struct bio_vec *bvec = &copy->bvec[(unit - copy->unit) * pages];
	sector_t sector = unit << area->unit_shift;
	DECLARE_COMPLETION_ONSTACK(done);
	sector_t count = min((sector_t)1 << area->unit_shift, area->capacity - sector);
	struct bio *bio;
	int ret;

	bio = bio_alloc_bioset(area->bdev, pages, REQ_OP_READ, GFP_NOIO, &image_bios);
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

/* The part of a bio that is within one chunk. */
static int image_write_part(struct diff_area *area, struct bio *bio, sector_t sector,
			    sector_t end)
{
	u64 first = sector >> area->unit_shift, last = (end - 1) >> area->unit_shift;
	sector_t mask = (1U << area->unit_shift) - 1;
	u32 count = last - first + 1;
	size_t bytes = (size_t)count << (area->unit_shift + SECTOR_SHIFT);
	struct unit_run run;
	struct copy *copy;
	u64 unit;
	int ret;

	/* What was released stays so. */
	for (unit = first; unit <= last; unit = run.last + 1) {
		pieces_lookup(area, unit, last, &run);
		if (run.copy)
			copy_put(run.copy);
		if (run.place == UNIT_RELEASED)
			return -EIO;
	}
	ret = store_reserve(area->storage, area, bytes, true);
	if (ret)
		return ret;
	ret = -ENOMEM;
	copy = copy_alloc(area, first, count, 0);
	if (!copy)
		goto unreserve;
	ret = 0;
	if (sector & mask)
		ret = unit_load(area, copy, first);
	if (!ret && (end & mask) && end != area->capacity &&
	    (last != first || !(sector & mask)))
		ret = unit_load(area, copy, last);
	if (ret)
		goto put;
	if (end == area->capacity && (end & mask))
		copy_clear_tail(copy, end);
	copy_data(copy, sector, bio, bio->bi_iter.bi_sector, (end - sector) << SECTOR_SHIFT,
		  false);
	copy->state = COPY_READY;
	ret = pieces_replace(area, first, last, copy);
	if (ret)
		goto put;
	pieces_set_state(area, copy, COPY_SETTLED);
	store_queue(area->storage, copy);
	return 0;
put:
	copy_put(copy);
unreserve:
	store_unreserve(area->storage, bytes);
	return ret;
}

static blk_status_t image_write(struct diff_area *area, struct bio *bio)
{
	sector_t part = min_t(sector_t, 1ULL << (area->chunk_shift + area->unit_shift),
			      COPY_PAGES_MAX << (PAGE_SHIFT - SECTOR_SHIFT));
	sector_t sector = bio->bi_iter.bi_sector, end = bio_end_sector(bio), to;
	int ret;

	for (; sector < end; sector = to) {
		to = min(end, (sector | (part - 1)) + 1);
		cbt_map_mark_both(area->tracker->map, sector, to - sector);
		ret = image_write_part(area, bio, sector, to);
		if (ret == -ETIMEDOUT || ret == -ENOMEM)
			diff_area_corrupt(area, ret);
		if (ret)
			return BLK_STS_IOERR;
	}
	return BLK_STS_OK;
}

static void image_write_work(struct work_struct *work)
{
	struct image *image = container_of(work, struct image, write_work);
	struct diff_area *area = image->area;
	unsigned int noio = memalloc_noio_save();
	struct bio *bio;

	for (;;) {
		spin_lock_irq(&image->lock);
		bio = bio_list_pop(&image->writes);
		spin_unlock_irq(&image->lock);
		if (!bio)
			break;
		if (READ_ONCE(area->error))
			bio->bi_status = BLK_STS_IOERR;
		else if (bio_op(bio) == REQ_OP_WRITE)
			bio->bi_status = image_write(area, bio);
		else
			bio->bi_status = image_release(area, bio);
		bio_endio(bio);
		diff_area_put(area);
	}
	memalloc_noio_restore(noio);
}

static void image_queue(struct image *image, struct bio *bio)
{
	diff_area_get(image->area);
	spin_lock_irq(&image->lock);
	bio_list_add(&image->writes, bio);
	spin_unlock_irq(&image->lock);
	queue_work(image_wq, &image->write_work);
}

/*
 * The disk.
 */

static void image_submit_bio(struct bio *bio)
{
	struct image *image = bio->bi_bdev->bd_disk->private_data;
	struct diff_area *area = image->area;

	if (unlikely(!diff_area_usable(area))) {
		bio_io_error(bio);
		return;
	}
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		image_read(area, bio);
		return;
	case REQ_OP_WRITE:
		/* Without data it is a flush, of which there is no need. */
		if (!bio_sectors(bio))
			break;
		image_queue(image, bio);
		return;
	case REQ_OP_DISCARD:
		/* Where it does not release it is the advice that it always is. */
		if (!READ_ONCE(area->release_enabled))
			break;
		image_queue(image, bio);
		return;
	case REQ_OP_FLUSH:
		break;
	default:
		bio->bi_status = BLK_STS_NOTSUPP;
	}
	bio_endio(bio);
}

static void image_free_disk(struct gendisk *disk)
{
	kfree(disk->private_data);
}

static const struct block_device_operations image_ops = {
	.owner = THIS_MODULE,
	.submit_bio = image_submit_bio,
	.free_disk = image_free_disk,
};

bool image_is(const struct gendisk *disk)
{
	return disk->fops == &image_ops;
}

/**
 * image_create - show an image
 * @area: of a snapshot that was taken
 *
 * Return: the image; its disk is there. An ERR_PTR on failure.
 */
struct image *image_create(struct diff_area *area)
{
	struct image *image;
	struct gendisk *disk;
	int ret;

	image = kzalloc(sizeof(*image), GFP_KERNEL);
	if (!image)
		return ERR_PTR(-ENOMEM);
	disk = compat_alloc_image_disk(area->bdev, 1U << (area->unit_shift + SECTOR_SHIFT));
	if (IS_ERR(disk)) {
		kfree(image);
		return ERR_CAST(disk);
	}
	image->area = area;
	image->disk = disk;
	spin_lock_init(&image->lock);
	bio_list_init(&image->writes);
	INIT_WORK(&image->write_work, image_write_work);
	disk->flags |= GENHD_FL_NO_PART;
	disk->fops = &image_ops;
	disk->private_data = image;
	set_capacity(disk, area->capacity);
	snprintf(disk->disk_name, DISK_NAME_LEN, BLKSNAP_IMAGE_NAME "%u:%u",
		 MAJOR(area->bdev->bd_dev), MINOR(area->bdev->bd_dev));
	ret = device_add_disk(NULL, disk, NULL);
	if (ret) {
		/* Only a disk that was added calls image_free_disk(). */
		put_disk(disk);
		kfree(image);
		return ERR_PTR(ret);
	}
	return image;
}

/**
 * image_remove - take an image away
 * @image: the image; what comes to it from now on fails
 *
 * The structure stays until the last user has closed the disk.
 */
void image_remove(struct image *image)
{
	del_gendisk(image->disk);
	flush_work(&image->write_work);
	put_disk(image->disk);
}

int __init image_init(void)
{
	int ret = -ENOMEM;

	read_cache = KMEM_CACHE(image_read, 0);
	file_read_cache = KMEM_CACHE(file_read, 0);
	if (!read_cache || !file_read_cache)
		goto caches;
	ret = mempool_init_slab_pool(&read_pool, READS_RESERVE, read_cache);
	if (ret)
		goto caches;
	ret = mempool_init_slab_pool(&file_read_pool, READS_RESERVE, file_read_cache);
	if (ret)
		goto reads;
	ret = bioset_init(&image_bios, READS_RESERVE, 0, BIOSET_NEED_BVECS);
	if (ret)
		goto file_reads;
	ret = -ENOMEM;
	image_wq = alloc_workqueue("blksnap-image", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!image_wq)
		goto bios;
	file_read_wq = alloc_workqueue("blksnap-read", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!file_read_wq)
		goto wq;
	return 0;
wq:
	destroy_workqueue(image_wq);
bios:
	bioset_exit(&image_bios);
file_reads:
	mempool_exit(&file_read_pool);
reads:
	mempool_exit(&read_pool);
caches:
	kmem_cache_destroy(file_read_cache);
	kmem_cache_destroy(read_cache);
	return ret;
}

void image_exit(void)
{
	destroy_workqueue(file_read_wq);
	destroy_workqueue(image_wq);
	bioset_exit(&image_bios);
	mempool_exit(&file_read_pool);
	mempool_exit(&read_pool);
	kmem_cache_destroy(file_read_cache);
	kmem_cache_destroy(read_cache);
}
