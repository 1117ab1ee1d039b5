/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_DIFF_STORAGE_H
#define _BLKSNAP_DIFF_STORAGE_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include "compat.h"
#include "events.h"

struct copy;
struct diff_area;

/**
 * struct diff_storage - where a snapshot keeps what was overwritten
 * @events: of the snapshot
 * @file: regular file, or NULL
 * @bdev: block device, or an empty one
 * @path: by which it was opened
 * @below: struct stack_device that it lies on; under the lock of all snapshots
 * @probe: a page that is being written, to see where it comes; under the snapshot's lock
 * @sparse: the file needs no allocation ahead: it takes space as it is written
 * @unit_shift: log2 of the sectors of a unit, in which space is given out and copies are made
 * @in_memory: a read of @file does not wait for a device
 * @in_place: copies are read from the source right into the pages of @file
 * @lock: protects what follows
 * @limit: most sectors that it may take
 * @portion: sectors by which it grows when less than half of that is free
 * @allocated: sectors that it has taken
 * @used: of those, the ones that hold copies
 * @next: sectors from here on to @allocated were never used
 * @freed: struct space, used and free again, by sector
 * @growing: @grow_work is about to add to @allocated
 * @grow_error: it could not
 * @watermark: @used at which an event is due; 0 for none
 * @no_space_event: sent once
 * @watermark_event: sent once for each value of @watermark
 * @queue: struct copy, waiting to be stored
 * @waiting: sectors of them for which there is no space yet
 * @pending: bytes of copies in memory, from before they are read to stored
 * @pending_max: bytes
 * @progress: when the last copy was stored or given up, in jiffies
 * @spare_lock: protects what follows
 * @spares: pages for copies to come, linked by page_private()
 * @nr_spares: how many
 * @spare_copies: with room for one page
 * @nr_spare_copies: how many
 * @room: where those wait that would exceed @pending_max
 * @idle: struct batch, not in use
 * @done: struct batch, written
 * @batches: memory of all batches
 * @wq: for what follows
 * @store_work: stores what is queued
 * @grow_work: makes the file larger
 * @task: that runs @store_work
 */
struct diff_storage {
	struct event_queue *events;
	struct file *file;
	struct compat_bdev bdev;
	char *path;
	struct list_head below;
	struct probe *probe;
	bool sparse;
	bool in_memory;
	bool in_place;
	unsigned int unit_shift;
	spinlock_t lock; /* what follows, but for the works */
	sector_t limit;
	sector_t portion;
	sector_t allocated;
	sector_t used;
	sector_t next;
	struct rb_root freed;
	bool growing;
	int grow_error;
	sector_t watermark;
	struct event no_space_event;
	struct event watermark_event;
	struct list_head queue;
	sector_t waiting;
	size_t pending;
	size_t pending_max;
	unsigned long progress;
	spinlock_t spare_lock; /* what follows, up to the spare copies */
	struct page *spares;
	unsigned int nr_spares;
	struct copy *spare_copies;
	unsigned int nr_spare_copies;
	wait_queue_head_t room;
	struct list_head idle;
	struct list_head done;
	struct batch *batches;
	struct workqueue_struct *wq;
	struct delayed_work store_work;
	struct work_struct grow_work;
	struct task_struct *task;
};

struct diff_storage *diff_storage_open(const char *path, sector_t limit,
				       struct event_queue *events);
void diff_storage_close(struct diff_storage *s);
int diff_storage_look_below(struct diff_storage *s, struct list_head *devices);

/* Space. */
sector_t diff_storage_alloc(struct diff_storage *s, sector_t want, sector_t at,
			    sector_t *sector);
void diff_storage_free(struct diff_storage *s, sector_t sector, sector_t count);
bool diff_storage_grow(struct diff_storage *s);
unsigned int diff_storage_get_pages(struct diff_storage *s, struct bio_vec *bvec,
				    unsigned int nr, sector_t *sector);
void diff_storage_put_pages(struct diff_storage *s, struct bio_vec *bvec, unsigned int nr,
			    sector_t sector, bool filled);
unsigned int diff_storage_read_pages(struct diff_storage *s, struct bio *bio,
				     struct bvec_iter iter, loff_t pos);
void diff_storage_no_space(struct diff_storage *s, sector_t size);
void diff_storage_stat(struct diff_storage *s, struct blksnap_snapshot_stat *stat);
void diff_storage_set_watermark(struct diff_storage *s, sector_t used);

/* Memory for copies; copy.c. */
void copy_alloc_spares(struct diff_storage *s);
void copy_free_spares(struct diff_storage *s);

/* Copies on their way into the storage; store.c. */
int store_init(struct diff_storage *s);
void store_exit(struct diff_storage *s);
int store_reserve(struct diff_storage *s, struct diff_area *area, size_t bytes, bool wait);
void store_unreserve(struct diff_storage *s, size_t bytes);
void store_queue(struct diff_storage *s, struct copy *copy);
void store_over(struct diff_storage *s, struct copy *copy);
int store_write_through(struct diff_storage *s, struct page *page);
void store_flush(struct diff_storage *s);

/* Have queued copies stored at once. */
static inline void store_kick(struct diff_storage *s)
{
	mod_delayed_work(s->wq, &s->store_work, 0);
}

#endif /* _BLKSNAP_DIFF_STORAGE_H */
