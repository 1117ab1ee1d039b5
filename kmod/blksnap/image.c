// SPDX-License-Identifier: GPL-2.0
/*
 * Images: block devices that show a device as it was at the take.
 *
 * What changes an image - writes, and discards that release - is done by a worker,
 * one by one. Reads are in image_read.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "cbt_map.h"
#include "compat.h"
#include "diff_area.h"
#include "diff_storage.h"
#include "image.h"
#include "tracker.h"

static struct workqueue_struct *image_wq;

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
	copy = copy_alloc(area, first, count, count);
	if (!copy)
		goto unreserve;
	ret = 0;
	if (sector & mask)
		ret = image_read_unit(area, copy, first);
	if (!ret && (end & mask) && end != area->capacity &&
	    (last != first || !(sector & mask)))
		ret = image_read_unit(area, copy, last);
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

/*
 * Reads go on to other disks, so the image's own queue would be for nothing. Where the
 * filter is not to be had, they come by ->submit_bio() of the disk.
 */
static bool image_filter_submit_bio(struct blkfilter *flt, struct bio *bio)
{
	struct diff_area *area = container_of(flt, struct image, flt)->area;

	if (bio_op(bio) != REQ_OP_READ || unlikely(!diff_area_usable(area)))
		return false;
	image_read(area, bio);
	return true;
}

static const struct blkfilter_operations image_filter_ops = {
	.owner = THIS_MODULE,
	.name = "blksnap-image",
	.submit_bio = image_filter_submit_bio,
};

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
	image->filtered = !blkfilter_attach_own(&image->flt, disk->part0, &image_filter_ops);
	ret = device_add_disk(NULL, disk, NULL);
	if (ret) {
		if (image->filtered)
			blkfilter_detach_own(&image->flt);
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
	if (image->filtered)
		blkfilter_detach_own(&image->flt);
	del_gendisk(image->disk);
	flush_work(&image->write_work);
	put_disk(image->disk);
}

int __init image_init(void)
{
	int ret = image_read_init();

	if (ret)
		return ret;
	image_wq = alloc_workqueue("blksnap-image", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!image_wq) {
		image_read_exit();
		return -ENOMEM;
	}
	return 0;
}

void image_exit(void)
{
	destroy_workqueue(image_wq);
	image_read_exit();
}
