/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_DIFF_AREA_H
#define _BLKSNAP_DIFF_AREA_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/maple_tree.h>
#include <linux/percpu-refcount.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include "events.h"
#include "ref.h"

struct diff_storage;
struct piece;
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
 *
 * In a storage in memory the pages can be those of the storage itself: then it is stored as
 * soon as it is read.
 *
 * @link: in the queue of the storage, or a list of the task that makes it
 * @spare: the next one, of those that are free
 * @area: of the device that it is of
 * @ref: held by who makes or stores it, and by those who read it
 * @unit: first unit
 * @count: units, within one chunk
 * @ahead: some of those nobody is overwriting yet
 * @stored: of those, the ones that were given to a batch
 * @written: of those, the ones whose batch is over
 * @state: under the lock of the shard
 * @piece: as long as all of it is one piece, and not stored; same lock
 * @failed: it could not be read
 * @in_place: the pages are those of the storage
 * @sector: where in the storage, if @in_place
 * @reader: the task that reads it; NULL once that is over
 * @joins: it begins or ends where another piece does, or did when it was claimed
 * @follows: where the last one of the shard ended
 * @bio: reads from the source
 * @most_pages: room in @bvec
 * @nr_pages: elements of @bvec
 * @bvec: the pages, each whole
 */
struct copy {
	union {
		struct list_head link;
		struct copy *spare;
	};
	struct diff_area *area;
	refcount_t ref;
	u64 unit;
	u32 count;
	u32 stored;
	u32 written;
	enum copy_state state;
	struct piece *piece;
	bool failed;
	bool in_place;
	sector_t sector;
	bool joins;
	bool follows;
	bool ahead;
	struct task_struct *reader;
	struct bio bio;
	unsigned int most_pages;
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
 * @kept: there is or was one; only ever set
 * @changes: how often units may have gone elsewhere: into a copy, or out of the storage
 * @next: unit behind the last that a writer claimed
 * @claimed: how many it claimed at once
 */
struct shard {
	spinlock_t lock; /* what follows */
	struct rb_root pieces;
	bool kept;
	unsigned long changes;
	u64 next;
	u32 claimed;
};

/**
 * struct area_reader - a read of the image that is registered, so that writers wait for it
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
 * @users: copies and image I/O that refer to the area, and its owner
 * @unused: there are none
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
	struct percpu_ref users;
	struct completion unused;
	atomic64_t copied;
	atomic64_t released_sectors;
	struct image *image;
};

struct diff_area *diff_area_create(struct tracker *tracker, struct diff_storage *storage);
void diff_area_destroy(struct diff_area *area);
void diff_area_corrupt(struct diff_area *area, int error);
bool diff_area_protect(struct diff_area *area, sector_t sector, sector_t count,
		       bool nowait);

/**
 * diff_area_usable - whether the image can be right still
 * @area: the area
 *
 * A device that was cut off has lost what was there, even if it grows again.
 */
static inline bool diff_area_usable(struct diff_area *area)
{
	if (unlikely(bdev_nr_sectors(area->bdev) < area->capacity))
		diff_area_corrupt(area, -ENXIO);
	return likely(!READ_ONCE(area->error));
}

/* Users keep the area from being destroyed. */
static inline void diff_area_get(struct diff_area *area)
{
	ref_get(&area->users);
}

static inline void diff_area_put(struct diff_area *area)
{
	ref_put(&area->users);
}

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

/**
 * struct gap - units that would have to be kept before they are overwritten
 * @unit: first of them
 * @last: last of them
 * @from: @unit, or one before it from which on it pays to keep all at once
 * @to: @last, or one behind it up to which it pays
 * @busy: before them there are some that others are about to keep; only ever set
 */
struct gap {
	u64 unit;
	u64 last;
	u64 from;
	u64 to;
	bool busy;
};

int pieces_init(void);
void pieces_exit(void);
bool pieces_find_gap(struct diff_area *area, struct gap *gap, u64 last);
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

static inline struct shard *shard_of(const struct diff_area *area, u64 unit)
{
	return &area->shards[hash_64(unit >> area->chunk_shift, SHARD_BITS)];
}

/**
 * pieces_changes - tell whether units can have gone elsewhere meanwhile
 * @area: the area
 * @first: first unit
 * @last: last unit
 *
 * To be asked before it is looked where they are, and after they were read there: if
 * the answer is the same, what was read is right. Any context.
 *
 * Return: a number.
 */
static inline unsigned long pieces_changes(const struct diff_area *area, u64 first, u64 last)
{
	unsigned long sum = READ_ONCE(shard_of(area, first)->changes);

	while (unlikely((first = diff_area_chunk_last(area, first) + 1) <= last))
		sum += READ_ONCE(shard_of(area, first)->changes);
	return sum;
}

/* Whether all of a shard is on the source; to be asked behind pieces_changes(), as others. */
static inline bool pieces_none(const struct diff_area *area, const struct shard *sh)
{
	return !READ_ONCE(sh->kept) && !READ_ONCE(area->releasing);
}

static inline unsigned int diff_area_unit_pages(const struct diff_area *area)
{
	return 1U << (area->unit_shift + SECTOR_SHIFT - PAGE_SHIFT);
}

/* Copies; copy.c. */
struct copy *copy_alloc(struct diff_area *area, u64 unit, u32 count, u32 least);
struct copy *copy_alloc_in_place(struct diff_area *area, u64 unit, u32 count);
void copy_trim(struct copy *copy);
void copy_get(struct copy *copy);
void copy_put(struct copy *copy);
void copy_read_start(struct copy *copy);
int copy_read_finish(struct copy *copy);
void copy_clear_tail(struct copy *copy, sector_t end);
void copy_data(struct copy *copy, sector_t sector, struct bio *bio, sector_t from,
	       unsigned int bytes, bool to_bio);

#endif /* _BLKSNAP_DIFF_AREA_H */
