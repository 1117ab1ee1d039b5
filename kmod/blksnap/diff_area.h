/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_DIFF_AREA_H
#define _BLKSNAP_DIFF_AREA_H

#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include "events.h"

struct diff_storage;
struct tracker;

/* Pages of a copy at most. */
#define COPY_PAGES_MAX	64

#define SHARD_BITS	8
#define SHARDS		BIT(SHARD_BITS)

/*
 * READING: the data is on its way; the image still reads the source.
 * READY: the image reads the copy; others may still be reading the source.
 * SETTLED: nobody reads the source for the image; it may be overwritten.
 */
enum copy_state { COPY_READING, COPY_READY, COPY_SETTLED };

/**
 * struct copy - data of some units, in memory until it is stored
 * @link: in the queue of the storage, or a list of the task that makes it
 * @area: of the device that it is of
 * @ref: held by who makes or stores it, and by those who read it
 * @unit: first unit
 * @count: units, within one chunk
 * @wanted: of those, the ones that are overwritten; the rest is read ahead
 * @stored: of those, the ones that were given to a batch
 * @written: of those, the ones whose batch is over
 * @state: under the lock of the shard
 * @failed: it could not be read
 * @done: the read is over
 * @bio: reads from the source
 * @nr_pages: elements of @bvec
 * @bvec: the pages, each whole
 */
struct copy {
	struct list_head link;
	struct diff_area *area;
	refcount_t ref;
	u64 unit;
	u32 count;
	u32 wanted;
	u32 stored;
	u32 written;
	enum copy_state state;
	bool failed;
	struct completion done;
	struct bio bio;
	unsigned int nr_pages;
	struct bio_vec bvec[];
};

/**
 * struct piece - units that are kept
 * @node: in the shard
 * @next: in a list, once taken out of the shard
 * @unit: first unit
 * @count: units, within one chunk
 * @copy: where the data is, or will be; NULL if it is stored
 * @sector: where it is in the storage, if it is
 */
struct piece {
	union {
		struct rb_node node;
		struct piece *next;
	};
	u64 unit;
	u32 count;
	struct copy *copy;
	sector_t sector;
};

/**
 * struct shard - pieces of some of the chunks
 * @lock: protects the tree and its pieces
 * @pieces: by unit
 * @next: unit behind the last that a writer claimed
 * @claimed: how many it claimed at once
 */
struct shard {
	spinlock_t lock; /* what follows */
	struct rb_root pieces;
	u64 next;
	u32 claimed;
};

/**
 * struct area_reader - a read of the image that may go to the source
 * @link: in the area
 * @first: first unit
 * @last: last unit
 */
struct area_reader {
	struct list_head link;
	u64 first;
	u64 last;
};

/**
 * struct diff_area - what is kept of one device of a snapshot
 * @tracker: of the device
 * @bdev: the device; it may be dead, but the structure is held
 * @storage: of the snapshot
 * @capacity: sectors at the take
 * @unit_shift: log2 of a unit's sectors
 * @chunk_shift: log2 of a chunk's units
 * @error: 0, or the errno that corrupted it; only ever set once
 * @corrupted_event: sent then
 * @shards: pieces, by a hash of their chunk
 * @released: ranges of units that need not be kept
 * @releasing: whether there are any
 * @no_ahead: the source failed to read ahead; only what must be read is, since
 * @release_enabled: a discard on the image releases
 * @wait: for copies that others make, and for readers to end
 * @readers_lock: protects @readers
 * @readers: struct area_reader, under way
 * @users: copies and image I/O that refer to the area
 * @copied: sectors copied aside
 * @released_sectors: sectors released
 * @image: the disk
 */
struct diff_area {
	struct tracker *tracker;
	struct block_device *bdev;
	struct diff_storage *storage;
	sector_t capacity;
	unsigned int unit_shift;
	unsigned int chunk_shift;
	int error;
	struct event corrupted_event;
	struct shard *shards;
	struct maple_tree released;
	bool releasing;
	bool no_ahead;
	bool release_enabled;
	wait_queue_head_t wait;
	spinlock_t readers_lock; /* readers */
	struct list_head readers;
	atomic_t users;
	atomic64_t copied;
	atomic64_t released_sectors;
	struct image *image;
};

struct diff_area *diff_area_create(struct tracker *tracker, struct diff_storage *storage);
void diff_area_destroy(struct diff_area *area);
void diff_area_corrupt(struct diff_area *area, int error);
bool diff_area_usable(struct diff_area *area);
bool diff_area_protect(struct diff_area *area, sector_t sector, sector_t count,
		       bool nowait);

/* Users keep the area from being destroyed. */
void diff_area_get(struct diff_area *area);
void diff_area_put(struct diff_area *area);

/* Readers keep units that they look at from being overwritten. */
void diff_area_reader_add(struct diff_area *area, struct area_reader *reader);
void diff_area_reader_del(struct diff_area *area, struct area_reader *reader);
void diff_area_readers_wait(struct diff_area *area, u64 first, u64 last);

/* What becomes of units; pieces.c. */
enum unit_place { UNIT_SOURCE, UNIT_COPY, UNIT_STORAGE, UNIT_RELEASED };

/**
 * struct unit_run - units of a chunk that are in the same place
 * @place: where
 * @last: last unit of the run
 * @copy: UNIT_COPY: with a reference
 * @sector: UNIT_STORAGE: of the first unit
 */
struct unit_run {
	enum unit_place place;
	u64 last;
	struct copy *copy;
	sector_t sector;
};

int pieces_init(void);
void pieces_exit(void);
bool pieces_find_gap(struct diff_area *area, u64 *first, u64 last, u64 *gap_last,
		     u64 *ahead_last);
bool pieces_kept(struct diff_area *area, u64 first, u64 last);
bool pieces_busy(struct diff_area *area, u64 first, u64 last);
int pieces_claim(struct diff_area *area, struct copy *copy);
void pieces_set_state(struct diff_area *area, struct copy *copy, enum copy_state state);
void pieces_drop(struct diff_area *area, struct copy *copy);
int pieces_stored(struct diff_area *area, struct copy *copy, u32 offset, u32 count,
		  sector_t sector);
int pieces_replace(struct diff_area *area, u64 first, u64 last, struct copy *copy);
int pieces_release(struct diff_area *area, u64 first, u64 last);
void pieces_lookup(struct diff_area *area, u64 first, u64 last, struct unit_run *run);
void pieces_destroy(struct diff_area *area);

static inline u64 diff_area_chunk_last(const struct diff_area *area, u64 unit)
{
	return unit | ((1ULL << area->chunk_shift) - 1);
}

static inline unsigned int diff_area_unit_pages(const struct diff_area *area)
{
	return 1U << (area->unit_shift + SECTOR_SHIFT - PAGE_SHIFT);
}

/* Copies; copy.c. */
struct copy *copy_alloc(struct diff_area *area, u64 unit, u32 wanted, u32 ahead);
void copy_get(struct copy *copy);
void copy_put(struct copy *copy);
void copy_read_start(struct copy *copy);
int copy_read_finish(struct copy *copy);
void copy_clear_tail(struct copy *copy, sector_t end);
void copy_data(struct copy *copy, sector_t sector, struct bio *bio, sector_t from,
	       unsigned int bytes, bool to_bio);

#endif /* _BLKSNAP_DIFF_AREA_H */
