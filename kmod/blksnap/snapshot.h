/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_SNAPSHOT_H
#define _BLKSNAP_SNAPSHOT_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/uuid.h>
#include "compat.h"
#include "events.h"

struct diff_area;
struct diff_storage;
struct tracker;

/**
 * struct snapshot_device - a device of a snapshot
 * @link: in the snapshot
 * @tracker: of the device, with a reference
 * @area: what is kept of it, once taken
 * @held: the device, open from before it is taken to the end, as a mount would have it: so
 *	a partition stays when the table is read again
 */
struct snapshot_device {
	struct list_head link;
	struct tracker *tracker;
	struct diff_area *area;
	struct compat_bdev held;
};

/**
 * struct snapshot - a snapshot
 * @link: among all snapshots, until it is destroyed
 * @kref: held by that list and by those who work with it
 * @id: for user space
 * @lock: one at a time takes or destroys; no command to a device may wait for it, since
 *	devices are opened and closed with it held
 * @devices: struct snapshot_device; under @lock and the lock of all snapshots, but that adding
 *	one until @taking needs the latter only
 * @taking: it is being taken, or was
 * @taken: it was taken
 * @destroyed: it is going
 * @reached: by what is written to the storage of the one that is being taken; under the lock
 *	of all snapshots
 * @storage: for what is overwritten
 * @events: for user space
 */
struct snapshot {
	struct list_head link;
	struct kref kref;
	uuid_t id;
	struct mutex lock; /* taking, destroying */
	struct list_head devices;
	bool taking;
	bool taken;
	bool destroyed;
	bool reached;
	struct diff_storage *storage;
	struct event_queue events;
};

struct seq_file;

int snapshot_create(const char *path, u64 limit_sect, struct blksnap_uuid *id);
int snapshot_destroy(const struct blksnap_uuid *id);
int snapshot_take(const struct blksnap_uuid *id);
int snapshot_collect(struct blksnap_uuid *ids, u32 room, u32 *count);
struct snapshot *snapshot_find(const struct blksnap_uuid *id);
void snapshot_put(struct snapshot *snap);
int snapshot_stat(struct blksnap_snapshot_stat *stat);
int snapshot_watermark(const struct blksnap_snapshot_watermark *wm);
void snapshot_show_all(struct seq_file *m);

/* For the tracker. */
int snapshot_add(const struct blksnap_uuid *id, struct tracker *t);
int snapshot_tracker_detach(struct tracker *t);
void snapshot_tracker_gone(struct tracker *t);
void snapshot_tracker_info(struct tracker *t, struct blksnap_snapshotinfo *info);
int snapshot_tracker_release(struct tracker *t, bool enable);
void snapshot_tracker_stat(struct tracker *t, struct blksnap_device_stat *stat);

/* The instant; take.c. */
int take_init(void);
void take_exit(void);
void take_sort(struct snapshot *snap);
int take_snapshot(struct snapshot *snap);

#endif /* _BLKSNAP_SNAPSHOT_H */
