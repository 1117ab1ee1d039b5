/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_TRACKER_H
#define _BLKSNAP_TRACKER_H

#include <linux/blk-filter.h>
#include <linux/kref.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include "cbt_map.h"
#include "gate.h"
#include "stat.h"

/* Bytes by which a sector is known again. */
#define PROBE_MARKER	16

struct diff_area;
struct snapshot;

/**
 * struct tracker - the filter on one device
 * @flt: attached to the device
 * @kref: held by the attachment, and by the snapshot that the device is in
 * @gate: what writes go through
 * @map: change map; another one takes its place with the gate closed and @lock held
 * @area: where overwritten data is kept while a snapshot is held, or NULL
 * @area_srcu: those who use @area
 * @async: the driver may complete writes after it has returned, and has no
 *	queue that could be drained
 * @special: more is to be done for a write than to mark it: @async, @probed, or a @threshold
 * @probed: writes are looked at for @marker
 * @marker_seen: it was in one
 * @marker: how sectors begin that were written to a storage, to see whether they come here
 * @inflight: struct inflight, for each write to an @async device
 * @older: writes may be under way that began before it was attached, and are known to nobody
 * @diskseq: of the disk when the map was made; another one means other content
 * @resized: capacity differed from the map's; told of already
 * @threshold: changed blocks at which an event is due; 0 for none
 * @threshold_told: it was sent in this epoch
 * @latency: of waits for copies
 * @lock: maps as against take; what it is held for waits for no filesystem to thaw
 * @snapshot: that the device is in; under the lock of all snapshots
 * @detaching: the user's detach has been consented to; same lock
 * @gone: the device is not there any more; same lock
 * @sectors_base: sectors written by the last take
 * @free_work: frees it once no write is under way
 */
struct tracker {
	struct blkfilter flt;
	struct kref kref;
	struct gate gate;
	struct cbt_map *map;
	struct diff_area __rcu *area;
	struct srcu_struct area_srcu;
	bool async;
	bool special;
	bool probed;
	bool marker_seen;
	u8 marker[PROBE_MARKER];
	bool older;
	mempool_t inflight;
	u64 diskseq;
	unsigned long resized;
	unsigned long threshold;
	unsigned long threshold_told;
	struct latency_stat latency;
	struct mutex lock; /* map, threshold and sectors_base as against a take */
	struct snapshot *snapshot;
	bool detaching;
	bool gone;
	u64 sectors_base;
	struct delayed_work free_work;
};

int tracker_init(void);
void tracker_exit(void);

struct tracker *tracker_get(struct tracker *t);
void tracker_put(struct tracker *t);
void tracker_tell_size(struct tracker *t);
void tracker_check_threshold(struct tracker *t);
void tracker_update_special(struct tracker *t);
void tracker_totals(struct tracker *t, u64 *writes, u64 *sectors);

/* Control commands of the filter. */
long tracker_ctl(struct blkfilter *flt, unsigned int cmd, u8 __user *buf, u32 *plen);

static inline struct tracker *to_tracker(struct blkfilter *flt)
{
	return container_of(flt, struct tracker, flt);
}

/**
 * tracker_check_size - see whether the device has another size than the map
 * @t: tracker of a device that is there
 *
 * What was added is not tracked until the next take, which begins with a new map.
 */
static inline void tracker_check_size(struct tracker *t)
{
	if (unlikely(bdev_nr_sectors(t->flt.bdev) != t->map->capacity))
		tracker_tell_size(t);
}

/* Whether the device may hold what the map knows nothing of, even if it has its size. */
static inline bool tracker_replaced(struct tracker *t)
{
	return READ_ONCE(t->resized) || READ_ONCE(t->flt.bdev->bd_disk->diskseq) != t->diskseq;
}

#endif /* _BLKSNAP_TRACKER_H */
