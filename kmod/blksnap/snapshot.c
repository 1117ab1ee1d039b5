// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: which there are, and which devices are in them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "compat.h"
#include "diff_area.h"
#include "diff_storage.h"
#include "image.h"
#include "probe.h"
#include "snapshot.h"
#include "stack.h"
#include "tracker.h"

/*
 * Protects the list, what devices a snapshot has, and what snapshot a device is in.
 * Held for moments only: a device that goes away waits for it. Inside a snapshot's
 * own lock.
 */
static DEFINE_MUTEX(snapshots_lock);
static LIST_HEAD(snapshots);

/* When a device changes its size in the middle of a take it is begun anew. */
#define TAKE_TRIES	3

/*
 * Lifetime.
 */

static void snapshot_release(struct kref *kref)
{
	struct snapshot *snap = container_of(kref, struct snapshot, kref);

	event_queue_clear(&snap->events);
	kfree(snap);
	module_put(THIS_MODULE);
}

void snapshot_put(struct snapshot *snap)
{
	kref_put(&snap->kref, snapshot_release);
}

/* With a reference; NULL if there is none. */
struct snapshot *snapshot_find(const struct blksnap_uuid *id)
{
	struct snapshot *snap, *found = NULL;

	mutex_lock(&snapshots_lock);
	list_for_each_entry(snap, &snapshots, link) {
		if (!memcmp(snap->id.b, id->b, sizeof(id->b))) {
			kref_get(&snap->kref);
			found = snap;
			break;
		}
	}
	mutex_unlock(&snapshots_lock);
	return found;
}

/* Found and locked; an ERR_PTR of @missing if there is none or it is going. */
static struct snapshot *snapshot_find_lock(const struct blksnap_uuid *id, int missing)
{
	struct snapshot *snap = snapshot_find(id);

	if (!snap)
		return ERR_PTR(missing);
	if (mutex_lock_interruptible(&snap->lock)) {
		snapshot_put(snap);
		return ERR_PTR(-EINTR);
	}
	if (snap->destroyed) {
		mutex_unlock(&snap->lock);
		snapshot_put(snap);
		return ERR_PTR(missing);
	}
	return snap;
}

static void snapshot_unlock(struct snapshot *snap)
{
	mutex_unlock(&snap->lock);
	snapshot_put(snap);
}

/**
 * snapshot_create - make a snapshot without devices
 * @path: of the difference storage
 * @limit_sect: most sectors that it may take
 * @id: takes the snapshot's identifier
 *
 * Return: 0, -ENOMEM or what diff_storage_open() says.
 */
int snapshot_create(const char *path, u64 limit_sect, struct blksnap_uuid *id)
{
	struct snapshot *snap;
	int ret;

	snap = kzalloc(sizeof(*snap), GFP_KERNEL);
	if (!snap)
		return -ENOMEM;
	kref_init(&snap->kref);
	mutex_init(&snap->lock);
	INIT_LIST_HEAD(&snap->devices);
	event_queue_init(&snap->events);
	generate_random_uuid(snap->id.b);
	snap->storage = diff_storage_open(path, limit_sect, &snap->events);
	if (IS_ERR(snap->storage)) {
		ret = PTR_ERR(snap->storage);
		pr_err("cannot open difference storage \"%s\": error %d\n", path, ret);
		kfree(snap);
		return ret;
	}
	/* The caller has the control device open. */
	__module_get(THIS_MODULE);
	memcpy(id->b, snap->id.b, sizeof(id->b));
	mutex_lock(&snapshots_lock);
	list_add_tail(&snap->link, &snapshots);
	mutex_unlock(&snapshots_lock);
	pr_info("snapshot %pUb created\n", &snap->id);
	return 0;
}

/* The end of what is kept of a device; nobody finds it by the snapshot any more. */
static void area_end(struct tracker *t, struct diff_area *area)
{
	if (area->image)
		image_remove(area->image);
	mutex_lock(&snapshots_lock);
	rcu_assign_pointer(t->area, NULL);
	mutex_unlock(&snapshots_lock);
	/* Those who wait to make copies need not. */
	cmpxchg(&area->error, 0, -ESHUTDOWN);
	wake_up_all(&area->wait);
	store_flush(area->storage);
	synchronize_srcu_expedited(&t->area_srcu);
	diff_area_destroy(area);
}

/* The device is as if it had never been in the snapshot. */
static void device_drop(struct snapshot_device *dev)
{
	struct tracker *t = dev->tracker;

	if (dev->area)
		area_end(t, dev->area);
	mutex_lock(&snapshots_lock);
	t->snapshot = NULL;
	mutex_unlock(&snapshots_lock);
	compat_bdev_unhold(&dev->held);
	tracker_put(t);
	kfree(dev);
}

/**
 * snapshot_destroy - end a snapshot
 * @id: the snapshot
 *
 * Return: 0 with the images gone and tracking going on; -ENODEV no such snapshot,
 * -EINTR a signal came while another worked with it.
 */
int snapshot_destroy(const struct blksnap_uuid *id)
{
	struct snapshot *snap = snapshot_find_lock(id, -ENODEV);
	struct snapshot_device *dev, *next;
	LIST_HEAD(devices);

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	mutex_lock(&snapshots_lock);
	snap->destroyed = true;
	list_del(&snap->link);
	list_splice_init(&snap->devices, &devices);
	mutex_unlock(&snapshots_lock);
	list_for_each_entry_safe(dev, next, &devices, link)
		device_drop(dev);
	mutex_unlock(&snap->lock);
	diff_storage_close(snap->storage);
	event_queue_close(&snap->events);
	pr_info("snapshot %pUb destroyed\n", &snap->id);
	/* Twice: what we found, and what the list had. */
	snapshot_put(snap);
	snapshot_put(snap);
	return 0;
}

/**
 * snapshot_collect - identifiers of all snapshots
 * @ids: takes them
 * @room: elements of @ids
 * @count: takes how many there are
 *
 * Return: 0, or -ENODATA if @room is too small.
 */
int snapshot_collect(struct blksnap_uuid *ids, u32 room, u32 *count)
{
	struct snapshot *snap;
	u32 n = 0;

	mutex_lock(&snapshots_lock);
	list_for_each_entry(snap, &snapshots, link) {
		if (n < room)
			memcpy(ids[n].b, snap->id.b, sizeof(ids[n].b));
		n++;
	}
	mutex_unlock(&snapshots_lock);
	*count = n;
	return n > room ? -ENODATA : 0;
}

/*
 * Devices.
 */

/* With the lock of all snapshots, and a device that is there. */
static int device_check_storage(struct snapshot *snap, struct tracker *t)
{
	struct block_device *bdev = t->flt.bdev;
	const struct stack_device *sd = stack_find(&snap->storage->below, bdev);

	if (!sd)
		return 0;
	pr_err("%pg: holds the difference storage of the snapshot, %s; choose another place for it\n",
	       bdev, sd->how);
	return -EBUSY;
}

static int device_link(struct snapshot *snap, struct snapshot_device *dev)
{
	struct tracker *t = dev->tracker;
	int ret = 0;

	mutex_lock(&snapshots_lock);
	if (snap->destroyed)
		ret = -ESRCH;
	else if (snap->taking)
		ret = -EALREADY;
	else if (t->gone || t->detaching)
		ret = -ENODEV;
	else if (t->snapshot)
		ret = t->snapshot == snap ? -EALREADY : -EBUSY;
	else
		ret = device_check_storage(snap, t);
	if (!ret) {
		t->snapshot = snap;
		list_add_tail(&dev->link, &snap->devices);
	}
	mutex_unlock(&snapshots_lock);
	return ret;
}

/**
 * snapshot_add - add a device to a snapshot
 * @id: the snapshot
 * @t: tracker of the device
 *
 * Called from a command to the device, for which the device's removal waits: so this waits for
 * nobody who takes or destroys.
 *
 * Return: 0; -ESRCH no such snapshot, -EALREADY it is in it or the snapshot is
 * taken, if only just now, -EBUSY it is in another one or holds the storage, -EOPNOTSUPP its
 * data cannot be copied, -ENODEV it is going, -ENOMEM.
 */
int snapshot_add(const struct blksnap_uuid *id, struct tracker *t)
{
	struct snapshot *snap = snapshot_find(id);
	struct snapshot_device *dev;
	int ret;

	if (!snap)
		return -ESRCH;
	ret = -EOPNOTSUPP;
	if (compat_has_integrity(t->flt.bdev)) {
		pr_err("%pg: devices with data integrity (T10-PI) are not supported\n",
		       t->flt.bdev);
		goto put;
	}
	ret = -ENOMEM;
	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		goto put;
	dev->tracker = tracker_get(t);
	ret = device_link(snap, dev);
	if (ret) {
		tracker_put(t);
		kfree(dev);
	}
put:
	snapshot_put(snap);
	return ret;
}

/* Opens the device, which must not be done by a command to it. */
static int device_hold(struct snapshot_device *dev)
{
	struct tracker *t = dev->tracker;
	dev_t number = 0;
	int ret;

	mutex_lock(&snapshots_lock);
	if (!t->gone)
		number = t->flt.bdev->bd_dev;
	mutex_unlock(&snapshots_lock);
	if (!number)
		return -ENODEV;
	ret = compat_bdev_hold(&dev->held, number);
	if (ret) {
		pr_err("device %u:%u: cannot be opened: error %d\n", MAJOR(number),
		       MINOR(number), ret);
		return ret == -ENXIO ? -ENODEV : ret;
	}
	/* It may be another by now that has the number. */
	mutex_lock(&snapshots_lock);
	if (t->gone || dev->held.bdev != t->flt.bdev)
		ret = -ENODEV;
	mutex_unlock(&snapshots_lock);
	return ret;
}

static int devices_hold(struct snapshot *snap)
{
	struct snapshot_device *dev;
	int ret = 0;

	list_for_each_entry(dev, &snap->devices, link) {
		ret = device_hold(dev);
		if (ret)
			break;
	}
	return ret;
}

static void devices_unhold(struct snapshot *snap)
{
	struct snapshot_device *dev;

	list_for_each_entry(dev, &snap->devices, link)
		compat_bdev_unhold(&dev->held);
}

/* A device of a snapshot that the storage of another lies on; with the lock of all snapshots. */
static struct block_device *storage_on_device(const struct diff_storage *s,
					      const struct snapshot *snap)
{
	const struct snapshot_device *dev;

	list_for_each_entry(dev, &snap->devices, link)
		if (!dev->tracker->gone && stack_find(&s->below, dev->tracker->flt.bdev))
			return dev->tracker->flt.bdev;
	return NULL;
}

/* A snapshot that is reached now, because the storage of one that was lies on its devices. */
static struct snapshot *snapshot_reach(void)
{
	struct snapshot *snap, *from;

	list_for_each_entry(snap, &snapshots, link) {
		if (snap->reached || !snap->taking)
			continue;
		list_for_each_entry(from, &snapshots, link) {
			if (from->reached && storage_on_device(from->storage, snap)) {
				snap->reached = true;
				return snap;
			}
		}
	}
	return NULL;
}

/*
 * What is kept of one snapshot may overwrite, on a device of another, what has to be kept of that.
 * In a circle this would not end before the storages are full. With the lock of all snapshots.
 */
static int snapshot_check_circle(struct snapshot *snap)
{
	struct block_device *bdev;
	struct snapshot *other;

	list_for_each_entry(other, &snapshots, link)
		other->reached = other == snap;
	while ((other = snapshot_reach()) != NULL) {
		bdev = storage_on_device(other->storage, snap);
		if (!bdev)
			continue;
		pr_err("%pg: holds the difference storage of snapshot %pUb, on whose devices lies that of %pUb: %s; choose another place for one of them\n",
		       bdev, &other->id, &snap->id, snap->storage->path);
		return -EBUSY;
	}
	return 0;
}

/* What the storage lies on may have changed since the devices were added. */
static int devices_check_storage(struct snapshot *snap)
{
	struct snapshot_device *dev;
	LIST_HEAD(below);
	LIST_HEAD(old);
	int ret;

	ret = diff_storage_look_below(snap->storage, &below);
	if (ret)
		return ret;
	mutex_lock(&snapshots_lock);
	list_splice_init(&snap->storage->below, &old);
	list_splice(&below, &snap->storage->below);
	list_for_each_entry(dev, &snap->devices, link) {
		ret = dev->tracker->gone ? -ENODEV : device_check_storage(snap, dev->tracker);
		if (ret)
			break;
	}
	ret = ret ?: snapshot_check_circle(snap);
	mutex_unlock(&snapshots_lock);
	stack_free(&old);
	return ret;
}

static int devices_prepare(struct snapshot *snap)
{
	struct snapshot_device *dev;

	list_for_each_entry(dev, &snap->devices, link) {
		/* Its area is made of what the device is. */
		mutex_lock(&snapshots_lock);
		if (!dev->tracker->gone)
			dev->area = diff_area_create(dev->tracker, snap->storage);
		mutex_unlock(&snapshots_lock);
		if (dev->tracker->gone)
			return -ENODEV;
		if (!dev->area)
			return -ENOMEM;
	}
	return 0;
}

static int devices_show(struct snapshot *snap)
{
	struct snapshot_device *dev;

	list_for_each_entry(dev, &snap->devices, link) {
		struct image *image = image_create(dev->area);

		if (IS_ERR(image))
			return PTR_ERR(image);
		mutex_lock(&snapshots_lock);
		dev->area->image = image;
		mutex_unlock(&snapshots_lock);
	}
	return 0;
}

/* Areas, the instant, images. */
static int devices_take(struct snapshot *snap)
{
	int ret;

	ret = devices_prepare(snap);
	if (ret)
		return ret;
	mutex_lock(&snapshots_lock);
	take_sort(snap);
	mutex_unlock(&snapshots_lock);
	ret = take_snapshot(snap);
	return ret ?: devices_show(snap);
}

/* After a take that failed the devices are in the snapshot still, as before. */
static void devices_reset(struct snapshot *snap)
{
	struct snapshot_device *dev;

	list_for_each_entry(dev, &snap->devices, link) {
		struct diff_area *area = dev->area;

		if (!area)
			continue;
		/* Who asks for the name of the image finds none, before there is none. */
		mutex_lock(&snapshots_lock);
		dev->area = NULL;
		mutex_unlock(&snapshots_lock);
		area_end(dev->tracker, area);
	}
}

/**
 * snapshot_take - take a snapshot of its devices, all at one instant
 * @id: the snapshot
 *
 * Return: 0 with the images there; -ESRCH no such snapshot, -ENODEV it has no
 * device or one is gone, -EALREADY it is taken, -EBUSY the storage lies on one of them,
 * -ETIMEDOUT the storage did not write or the devices could not be brought to a halt in time,
 * or what freezing a filesystem says. After an error nothing is kept; the maps may have been
 * switched, if it came of making the images.
 */
int snapshot_take(const struct blksnap_uuid *id)
{
	struct snapshot *snap = snapshot_find_lock(id, -ESRCH);
	int ret, tries = TAKE_TRIES;

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	ret = -EALREADY;
	if (snap->taken)
		goto unlock;
	mutex_lock(&snapshots_lock);
	ret = list_empty(&snap->devices) ? -ENODEV : 0;
	snap->taking = !ret;
	mutex_unlock(&snapshots_lock);
	if (ret)
		goto unlock;
	ret = devices_hold(snap) ?: devices_check_storage(snap) ?: probe_storage(snap);
	while (!ret) {
		ret = devices_take(snap);
		if (!ret)
			break;
		devices_reset(snap);
		if (ret == -EAGAIN && --tries)
			ret = 0;
	}
	if (ret) {
		devices_unhold(snap);
		mutex_lock(&snapshots_lock);
		snap->taking = false;
		mutex_unlock(&snapshots_lock);
		pr_err("snapshot %pUb could not be taken: error %d\n", &snap->id, ret);
	} else {
		snap->taken = true;
		pr_info("snapshot %pUb taken\n", &snap->id);
	}
unlock:
	snapshot_unlock(snap);
	return ret;
}

int snapshot_stat(struct blksnap_snapshot_stat *stat)
{
	struct snapshot *snap = snapshot_find_lock(&stat->id, -ESRCH);
	struct snapshot_device *dev;

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	diff_storage_stat(snap->storage, stat);
	stat->error_code = 0;
	stat->devices = 0;
	/* Until the take devices are added without the snapshot's own lock. */
	mutex_lock(&snapshots_lock);
	list_for_each_entry(dev, &snap->devices, link) {
		stat->devices++;
		if (dev->area && !stat->error_code)
			stat->error_code = READ_ONCE(dev->area->error);
	}
	mutex_unlock(&snapshots_lock);
	snapshot_unlock(snap);
	return 0;
}

int snapshot_watermark(const struct blksnap_snapshot_watermark *wm)
{
	struct snapshot *snap = snapshot_find_lock(&wm->id, -ESRCH);

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	diff_storage_set_watermark(snap->storage, wm->used_sect);
	snapshot_unlock(snap);
	return 0;
}

/*
 * For the tracker.
 */

/* With the lock of all snapshots. */
static struct snapshot_device *tracker_device(struct tracker *t)
{
	struct snapshot_device *dev;

	lockdep_assert_held(&snapshots_lock);
	if (!t->snapshot)
		return NULL;
	list_for_each_entry(dev, &t->snapshot->devices, link)
		if (dev->tracker == t)
			return dev;
	return NULL;
}

/* The user wants to detach: -EBUSY while a snapshot needs the device. */
int snapshot_tracker_detach(struct tracker *t)
{
	int ret = 0;

	mutex_lock(&snapshots_lock);
	if (t->snapshot)
		ret = -EBUSY;
	else
		t->detaching = true;
	mutex_unlock(&snapshots_lock);
	return ret;
}

/* The device is gone: its image cannot be right. */
void snapshot_tracker_gone(struct tracker *t)
{
	struct diff_area *area;

	mutex_lock(&snapshots_lock);
	t->gone = true;
	area = rcu_dereference_protected(t->area, lockdep_is_held(&snapshots_lock));
	if (area)
		diff_area_corrupt(area, -ENODEV);
	mutex_unlock(&snapshots_lock);
}

void snapshot_tracker_info(struct tracker *t, struct blksnap_snapshotinfo *info)
{
	struct snapshot_device *dev;

	mutex_lock(&snapshots_lock);
	dev = tracker_device(t);
	if (dev && dev->area) {
		info->error_code = READ_ONCE(dev->area->error);
		if (dev->area->image)
			strscpy(info->image, dev->area->image->disk->disk_name,
				sizeof(info->image));
	}
	mutex_unlock(&snapshots_lock);
}

/* -ENODATA if there is no image. */
int snapshot_tracker_release(struct tracker *t, bool enable)
{
	struct snapshot_device *dev;
	int ret = -ENODATA;

	mutex_lock(&snapshots_lock);
	dev = tracker_device(t);
	if (dev && dev->area && dev->area->image) {
		WRITE_ONCE(dev->area->release_enabled, enable);
		ret = 0;
	}
	mutex_unlock(&snapshots_lock);
	return ret;
}

void snapshot_tracker_stat(struct tracker *t, struct blksnap_device_stat *stat)
{
	struct snapshot_device *dev;

	mutex_lock(&snapshots_lock);
	dev = tracker_device(t);
	if (dev && dev->area) {
		stat->copied_bytes = atomic64_read(&dev->area->copied) << SECTOR_SHIFT;
		stat->released_bytes = atomic64_read(&dev->area->released_sectors) << SECTOR_SHIFT;
	}
	mutex_unlock(&snapshots_lock);
}

/* A line for each device of each snapshot. */
void snapshot_show_all(struct seq_file *m)
{
	struct snapshot_device *dev;
	struct snapshot *snap;

	mutex_lock(&snapshots_lock);
	list_for_each_entry(snap, &snapshots, link) {
		struct blksnap_snapshot_stat stat;

		diff_storage_stat(snap->storage, &stat);
		seq_printf(m, "snapshot %pUb storage used %llu allocated %llu limit %llu sectors, pending %zu bytes\n",
			   &snap->id, stat.used_sect, stat.allocated_sect, stat.limit_sect,
			   READ_ONCE(snap->storage->pending));
		list_for_each_entry(dev, &snap->devices, link) {
			if (!dev->area)
				continue;
			seq_printf(m, "  device %u:%u error %d copied %lld released %lld sectors\n",
				   MAJOR(dev->area->bdev->bd_dev),
				   MINOR(dev->area->bdev->bd_dev),
				   READ_ONCE(dev->area->error),
				   atomic64_read(&dev->area->copied),
				   atomic64_read(&dev->area->released_sectors));
		}
	}
	mutex_unlock(&snapshots_lock);
}
