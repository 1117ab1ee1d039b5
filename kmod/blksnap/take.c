// SPDX-License-Identifier: GPL-2.0
/*
 * The instant of a take: filesystems are frozen, the gates of all devices closed,
 * maps switched and copying begun; then everything goes on. Each step is bounded
 * in time, and nothing is kept after a take that failed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/list_sort.h>
#include <linux/part_stat.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "compat.h"
#include "diff_area.h"
#include "snapshot.h"
#include "tracker.h"

/* For how long a filesystem may take to freeze, after it was synced. */
#define FREEZE_LIMIT	(30 * HZ)

/* For how long writes may be under way that began before the device was tracked. */
#define OLDER_LIMIT	(5 * HZ)

static struct workqueue_struct *freeze_wq;

/*
 * Freezing.
 */

enum freeze_state { FREEZE_PENDING, FREEZE_DONE, FREEZE_ABANDONED };

/**
 * struct freeze - a filesystem that is frozen, or on its way to it
 * @link: of the take
 * @work: freezes
 * @done: it has
 * @bdev: where the filesystem is, if there is one; with a reference
 * @state: decides who thaws if it takes too long
 * @error: of the freezing
 */
struct freeze {
	struct list_head link;
	struct work_struct work;
	struct completion done;
	struct block_device *bdev;
	int state;
	int error;
};

static void freeze_free(struct freeze *f)
{
	put_device(&f->bdev->bd_device);
	kfree(f);
}

static void freeze_work(struct work_struct *work)
{
	struct freeze *f = container_of(work, struct freeze, work);

	f->error = compat_freeze_bdev(f->bdev);
	if (cmpxchg(&f->state, FREEZE_PENDING, FREEZE_DONE) == FREEZE_PENDING) {
		complete_all(&f->done);
		return;
	}
	/* Nobody waits any more. */
	if (!f->error)
		compat_thaw_bdev(f->bdev);
	freeze_free(f);
}

static int freeze_one(struct block_device *bdev, struct list_head *frozen)
{
	struct freeze *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	get_device(&bdev->bd_device);
	f->bdev = bdev;
	init_completion(&f->done);
	INIT_WORK(&f->work, freeze_work);
	queue_work(freeze_wq, &f->work);
	if (!wait_for_completion_timeout(&f->done, FREEZE_LIMIT) &&
	    cmpxchg(&f->state, FREEZE_PENDING, FREEZE_ABANDONED) == FREEZE_PENDING) {
		pr_err("%pg: filesystem does not freeze\n", bdev);
		return -ETIMEDOUT;
	}
	/* If it was done just then its error may still be on its way. */
	wait_for_completion(&f->done);
	/* Someone else has frozen it: then it stands still as well. */
	if (f->error) {
		int ret = f->error == -EBUSY ? 0 : f->error;

		if (ret)
			pr_err("%pg: cannot freeze the filesystem: error %d\n", bdev, ret);
		freeze_free(f);
		return ret;
	}
	list_add(&f->link, frozen);
	return 0;
}

static void thaw_all(struct list_head *frozen)
{
	struct freeze *f, *next;

	list_for_each_entry_safe(f, next, frozen, link) {
		list_del(&f->link);
		if (compat_thaw_bdev(f->bdev))
			pr_err("%pg: cannot thaw the filesystem\n", f->bdev);
		freeze_free(f);
	}
}

/* The device itself, and the partitions if it covers them. */
static int freeze_tracker(struct tracker *t, struct list_head *frozen)
{
	struct gendisk *disk = t->flt.bdev->bd_disk;
	struct block_device *part;
	unsigned long idx;
	int ret = 0;

	if (!(t->flt.flags & BLKFILTER_WHOLE_DISK))
		return freeze_one(t->flt.bdev, frozen);
	rcu_read_lock();
	xa_for_each(&disk->part_tbl, idx, part) {
		if (!kobject_get_unless_zero(&part->bd_device.kobj))
			continue;
		rcu_read_unlock();
		ret = freeze_one(part, frozen);
		put_device(&part->bd_device);
		rcu_read_lock();
		if (ret)
			break;
	}
	rcu_read_unlock();
	return ret;
}

/*
 * The order in which devices are brought to a halt.
 */

/* Devices on which others may stand come late. */
static int device_rank(struct block_device *bdev)
{
	if (!queue_is_mq(bdev_get_queue(bdev)))
		return 0;
	if (!strncmp(bdev->bd_disk->disk_name, "loop", 4))
		return 1;
	return bdev_is_partition(bdev) ? 2 : 3;
}

/* Of the same rank the younger one comes first: it may stand on the older. */
static int device_cmp(void *priv, const struct list_head *a, const struct list_head *b)
{
	const struct snapshot_device *x = list_entry(a, struct snapshot_device, link);
	const struct snapshot_device *y = list_entry(b, struct snapshot_device, link);
	int rank = device_rank(x->area->bdev) - device_rank(y->area->bdev);

	if (rank)
		return rank;
	return x->area->bdev->bd_dev < y->area->bdev->bd_dev ? 1 : -1;
}

/* Puts the devices into the order in which they are brought to a halt. */
void take_sort(struct snapshot *snap)
{
	list_sort(NULL, &snap->devices, device_cmp);
}

/*
 * The instant.
 */

/**
 * struct take - a take under way
 * @hold: the gates
 * @members: of the hold, one for each device
 * @maps: for those devices whose size has changed, if only for a while, or whose content was exchanged
 * @frozen: struct freeze
 */
struct take {
	struct gate_hold hold;
	struct gate_member *members;
	struct cbt_map **maps;
	struct list_head frozen;
};

/* What is needed later, when no memory must be asked for. */
static int take_prepare(struct take *take, struct snapshot *snap)
{
	struct snapshot_device *dev;
	unsigned int n = 0, i = 0;

	list_for_each_entry(dev, &snap->devices, link)
		n++;
	INIT_LIST_HEAD(&take->frozen);
	INIT_LIST_HEAD(&take->hold.members);
	take->members = kcalloc(n, sizeof(*take->members), GFP_KERNEL);
	take->maps = kcalloc(n, sizeof(*take->maps), GFP_KERNEL);
	if (!take->members || !take->maps)
		return -ENOMEM;
	list_for_each_entry(dev, &snap->devices, link) {
		struct tracker *t = dev->tracker;
		struct request_queue *q = bdev_get_queue(dev->area->bdev);

		take->members[i].gate = &t->gate;
		take->members[i].queue = queue_is_mq(q) ? q : NULL;
		list_add_tail(&take->members[i].link, &take->hold.members);
		if (tracker_replaced(t) || t->map->capacity != dev->area->capacity) {
			take->maps[i] = cbt_map_create(dev->area->capacity);
			if (!take->maps[i])
				return -ENOMEM;
		}
		i++;
	}
	return 0;
}

static void take_finish(struct take *take, struct snapshot *snap)
{
	struct snapshot_device *dev;
	unsigned int i = 0;

	if (take->maps)
		list_for_each_entry(dev, &snap->devices, link)
			cbt_map_destroy(take->maps[i++]);
	kfree(take->maps);
	kfree(take->members);
}

/* All writes are held back. Nothing here may sleep for memory or I/O. */
static int take_switch(struct take *take, struct snapshot *snap)
{
	struct snapshot_device *dev;
	unsigned int i = 0;
	u64 writes;

	list_for_each_entry(dev, &snap->devices, link) {
		if (READ_ONCE(dev->tracker->gone))
			return -ENODEV;
		if (bdev_nr_sectors(dev->area->bdev) != dev->area->capacity ||
		    (tracker_replaced(dev->tracker) && !take->maps[i]))
			return -EAGAIN;
		i++;
	}
	i = 0;
	list_for_each_entry(dev, &snap->devices, link) {
		struct tracker *t = dev->tracker;

		if (take->maps[i]) {
			swap(t->map, take->maps[i]);
			t->resized = 0;
			t->diskseq = t->flt.bdev->bd_disk->diskseq;
		}
		cbt_map_take(t->map);
		t->older = false;
		t->threshold_told = 0;
		tracker_totals(t, &writes, &t->sectors_base);
		rcu_assign_pointer(t->area, dev->area);
		i++;
	}
	return 0;
}

/* Writes under way, as they are counted for the statistics of the device. */
static long bdev_writes(struct block_device *bdev)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += part_stat_local_read_cpu(bdev, in_flight[1], cpu);
	return sum;
}

static long tracker_writes(struct tracker *t)
{
	struct block_device *part;
	unsigned long idx;
	long sum = 0;

	if (!(t->flt.flags & BLKFILTER_WHOLE_DISK))
		return bdev_writes(t->flt.bdev);
	rcu_read_lock();
	xa_for_each(&t->flt.bdev->bd_disk->part_tbl, idx, part)
		sum += bdev_writes(part);
	rcu_read_unlock();
	return sum;
}

/*
 * The gates are closed, and what went through them is over. Where there is no queue that could
 * be drained, writes from before the filter was attached may still be under way.
 */
static int wait_for_older(struct snapshot *snap)
{
	unsigned long deadline = jiffies + OLDER_LIMIT;
	struct snapshot_device *dev;

	list_for_each_entry(dev, &snap->devices, link) {
		struct tracker *t = dev->tracker;

		while (t->older && tracker_writes(t)) {
			if (time_after(jiffies, deadline)) {
				pr_err("%pg: writes that began before it was tracked do not end\n",
				       t->flt.bdev);
				return -ETIMEDOUT;
			}
			msleep(1);
		}
	}
	return 0;
}

static void lock_maps(struct snapshot *snap)
{
	struct snapshot_device *dev;

	list_for_each_entry(dev, &snap->devices, link)
		mutex_lock_nest_lock(&dev->tracker->lock, &snap->lock);
}

static void unlock_maps(struct snapshot *snap)
{
	struct snapshot_device *dev;

	list_for_each_entry(dev, &snap->devices, link)
		mutex_unlock(&dev->tracker->lock);
}

static int take_instant(struct take *take, struct snapshot *snap)
{
	/* Reclaiming memory may wait for the very writes that are held back. */
	unsigned int noio = memalloc_noio_save();
	int ret;

	lock_maps(snap);
	ret = gate_hold_close(&take->hold);
	if (!ret) {
		ret = wait_for_older(snap) ?: take_switch(take, snap);
		gate_hold_open(&take->hold);
	}
	unlock_maps(snap);
	memalloc_noio_restore(noio);
	return ret;
}

/**
 * take_snapshot - bring the devices to a halt and begin to keep what they hold
 * @snap: locked, with an area for each device
 *
 * Return: 0; -ENODEV a device is gone, -ETIMEDOUT it took too long, -EAGAIN a
 * device changed its size just now, or an error of freezing. Nothing has changed
 * then.
 */
int take_snapshot(struct snapshot *snap)
{
	struct snapshot_device *dev;
	struct take take = {};
	int ret;

	ret = take_prepare(&take, snap);
	if (ret)
		goto finish;
	/* Writing out what is dirty may take long: do it while all goes on. */
	list_for_each_entry(dev, &snap->devices, link)
		compat_sync_bdev(dev->area->bdev);
	list_for_each_entry(dev, &snap->devices, link) {
		ret = freeze_tracker(dev->tracker, &take.frozen);
		if (ret)
			break;
	}
	if (!ret)
		ret = take_instant(&take, snap);
	thaw_all(&take.frozen);
	if (!ret)
		list_for_each_entry(dev, &snap->devices, link)
			if (READ_ONCE(dev->tracker->gone))
				ret = -ENODEV;
finish:
	take_finish(&take, snap);
	return ret;
}

int __init take_init(void)
{
	freeze_wq = alloc_workqueue("blksnap-freeze", WQ_UNBOUND, 0);
	return freeze_wq ? 0 : -ENOMEM;
}

/* Waits for filesystems that are slow to freeze, and thaws them. */
void take_exit(void)
{
	destroy_workqueue(freeze_wq);
}
