/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_IMAGE_H
#define _BLKSNAP_IMAGE_H

#include <linux/blk-filter.h>
#include <linux/blkdev.h>
#include <linux/workqueue.h>

struct copy;
struct diff_area;

/**
 * struct image - the block device that shows a device as it was at the take
 * @disk: the disk
 * @flt: gets reads before they are in the disk's queue
 * @filtered: it is attached
 * @area: what is kept
 * @lock: protects @writes
 * @writes: bios that change the image, in order
 * @write_work: handles them one by one
 */
struct image {
	struct gendisk *disk;
	struct blkfilter flt;
	bool filtered;
	struct diff_area *area;
	spinlock_t lock; /* writes */
	struct bio_list writes;
	struct work_struct write_work;
};

int image_init(void);
void image_exit(void);
struct image *image_create(struct diff_area *area);
void image_remove(struct image *image);
bool image_is(const struct gendisk *disk);

/* Reads; image_read.c. */
int image_read_init(void);
void image_read_exit(void);
void image_read(struct diff_area *area, struct bio *bio);
int image_read_unit(struct diff_area *area, struct copy *copy, u64 unit);

#endif /* _BLKSNAP_IMAGE_H */
