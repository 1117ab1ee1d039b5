// SPDX-License-Identifier: GPL-2.0
/*
 * The filter on a device: what happens to each write.
 *
 *	gate -> copy what would be overwritten -> mark the change map -> pass on
 *
 * Without a snapshot the second step is one test. Reads do not come here.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-crypto.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "compat.h"
#include "diff_area.h"
#include "events.h"
#include "image.h"
#include "probe.h"
#include "snapshot.h"
#include "tracker.h"

/* Writes to an asynchronous device that can be under way without more memory. */
#define INFLIGHT_RESERVE	64

/**
 * struct inflight - a write that stays inside the gate until it completes
 * @tracker: of its device
 * @end_io: the bio's own
 * @private: the bio's own
 */
struct inflight {
	struct tracker *tracker;
	bio_end_io_t *end_io;
	void *private;
};

static struct kmem_cache *inflight_cache;
static struct workqueue_struct *free_wq;
static atomic_t trackers;
static DECLARE_WAIT_QUEUE_HEAD(trackers_wait);

/*
 * Lifetime.
 */

static void tracker_free(struct work_struct *work)
{
	struct tracker *t = container_of(to_delayed_work(work), struct tracker, free_work);

	/* Writes to an asynchronous device complete when they like. */
	if (gate_inside(&t->gate)) {
		queue_delayed_work(free_wq, &t->free_work, HZ / 10);
		return;
	}
	synchronize_rcu();
	cleanup_srcu_struct(&t->area_srcu);
	mempool_exit(&t->inflight);
	cbt_map_destroy(t->map);
	gate_exit(&t->gate);
	kfree(t);
	if (atomic_dec_and_test(&trackers))
		wake_up_all(&trackers_wait);
}

static void tracker_release(struct kref *kref)
{
	struct tracker *t = container_of(kref, struct tracker, kref);

	queue_delayed_work(free_wq, &t->free_work, 0);
}

struct tracker *tracker_get(struct tracker *t)
{
	kref_get(&t->kref);
	return t;
}

void tracker_put(struct tracker *t)
{
	kref_put(&t->kref, tracker_release);
}

static struct tracker *tracker_alloc(struct block_device *bdev)
{
	struct tracker *t;

	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return NULL;
	kref_init(&t->kref);
	mutex_init(&t->lock);
	INIT_DELAYED_WORK(&t->free_work, tracker_free);
	if (gate_init(&t->gate))
		goto free;
	t->async = !queue_is_mq(bdev_get_queue(bdev)) && !compat_bdev_synchronous(bdev);
	t->special = t->async;
	t->older = t->async;
	if (mempool_init_slab_pool(&t->inflight, INFLIGHT_RESERVE, inflight_cache))
		goto gate;
	if (init_srcu_struct(&t->area_srcu))
		goto pool;
	t->diskseq = bdev->bd_disk->diskseq;
	t->map = cbt_map_create(bdev_nr_sectors(bdev));
	if (!t->map)
		goto srcu;
	atomic_inc(&trackers);
	return t;
srcu:
	cleanup_srcu_struct(&t->area_srcu);
pool:
	mempool_exit(&t->inflight);
gate:
	gate_exit(&t->gate);
free:
	kfree(t);
	return NULL;
}

static int tracker_check_device(struct block_device *bdev)
{
	if (image_is(bdev->bd_disk)) {
		pr_err("%pg: is a snapshot image, which cannot be tracked\n", bdev);
		return -EPERM;
	}
	if (bdev_is_zoned(bdev)) {
		pr_err("%pg: zoned devices are not supported\n", bdev);
		return -EOPNOTSUPP;
	}
	if (bdev_logical_block_size(bdev) > PAGE_SIZE) {
		pr_err("%pg: blocks larger than a page are not supported\n", bdev);
		return -EOPNOTSUPP;
	}
	if (compat_has_integrity(bdev)) {
		pr_err("%pg: devices with data integrity (T10-PI) are not supported\n", bdev);
		return -EOPNOTSUPP;
	}
	if (compat_has_inline_crypto(bdev)) {
		pr_err("%pg: devices with inline encryption are not supported\n", bdev);
		return -EOPNOTSUPP;
	}
	return 0;
}

static struct blkfilter *tracker_attach(struct block_device *bdev, const void *opt,
					u32 optlen)
{
	const struct blksnap_attach_opt *options = opt;
	struct tracker *t;
	u32 flags = 0;
	int ret;

	if (optlen) {
		if (optlen < sizeof(*options) || options->reserved ||
		    (options->flags & ~BLKSNAP_ATTACH_WHOLE_DISK))
			return ERR_PTR(-EINVAL);
		flags = options->flags;
	}
	ret = tracker_check_device(bdev);
	if (ret)
		return ERR_PTR(ret);
	t = tracker_alloc(bdev);
	if (!t)
		return ERR_PTR(-ENOMEM);
	if (flags & BLKSNAP_ATTACH_WHOLE_DISK)
		t->flt.flags |= BLKFILTER_WHOLE_DISK;
	return &t->flt;
}

static int tracker_prepare_detach(struct blkfilter *flt)
{
	return snapshot_tracker_detach(to_tracker(flt));
}

static void tracker_detach(struct blkfilter *flt)
{
	struct tracker *t = to_tracker(flt);

	/* Nor is it gone if the filter could not be attached, or the module is unloaded. */
	if (!t->detaching && !compat_bdev_live(flt->bdev)) {
		event_device_removed(flt->bdev->bd_dev);
		snapshot_tracker_gone(t);
	}
	tracker_put(t);
}

/*
 * Figures.
 */

void tracker_totals(struct tracker *t, u64 *writes, u64 *sectors)
{
	int cpu;

	*writes = 0;
	*sectors = 0;
	for_each_possible_cpu(cpu) {
		const struct gate_cpu *c = per_cpu_ptr(t->gate.cpu, cpu);

		*writes += READ_ONCE(c->writes);
		*sectors += READ_ONCE(c->sectors);
	}
}

/* For tracker_check_size(). */
void tracker_tell_size(struct tracker *t)
{
	struct block_device *bdev = t->flt.bdev;
	sector_t now = bdev_nr_sectors(bdev);

	if (test_and_set_bit(0, &t->resized))
		return;
	pr_warn("%pg: size changed from %llu to %llu sectors; the next snapshot begins a new generation\n",
		bdev, (u64)t->map->capacity, (u64)now);
	event_device_resized(bdev->bd_dev, (u64)t->map->capacity << SECTOR_SHIFT,
			     (u64)now << SECTOR_SHIFT);
}

/* Sends the event if enough blocks have changed, once in an epoch. */
void tracker_check_threshold(struct tracker *t)
{
	unsigned long changed = atomic_long_read(&t->map->changed);
	unsigned long threshold = READ_ONCE(t->threshold);

	if (!threshold || changed < threshold || test_bit(0, &t->threshold_told) ||
	    test_and_set_bit(0, &t->threshold_told))
		return;
	event_device_changed(t->flt.bdev->bd_dev,
			     (u64)changed << (t->map->block_shift + SECTOR_SHIFT));
}

/* With the tracker's lock. */
void tracker_update_special(struct tracker *t)
{
	WRITE_ONCE(t->special, t->async || t->threshold || t->probed);
}

/*
 * The path of a write.
 */

static void inflight_end_io(struct bio *bio)
{
	struct inflight *io = bio->bi_private;
	struct tracker *t = io->tracker;

	bio->bi_end_io = io->end_io;
	bio->bi_private = io->private;
	mempool_free(io, &t->inflight);
	/* The tracker may go as soon as nothing is inside. */
	rcu_read_lock();
	gate_leave(&t->gate);
	rcu_read_unlock();
	if (bio->bi_end_io)
		bio->bi_end_io(bio);
}

static bool inflight_begin(struct tracker *t, struct bio *bio)
{
	struct inflight *io;

	io = mempool_alloc(&t->inflight, bio->bi_opf & REQ_NOWAIT ? GFP_NOWAIT : GFP_NOIO);
	if (!io)
		return false;
	io->tracker = t;
	io->end_io = bio->bi_end_io;
	io->private = bio->bi_private;
	bio->bi_end_io = inflight_end_io;
	bio->bi_private = io;
	return true;
}

/* Whether the bio may go on; false if it would have to wait and may not. */
static bool tracker_copy(struct tracker *t, sector_t sector, sector_t count, bool nowait)
{
	struct diff_area *area;
	bool ok = true;
	int idx;

	if (sector + count <= t->map->capacity &&
	    cbt_map_settled(t->map, sector, sector + count - 1))
		return true;
	idx = srcu_read_lock(&t->area_srcu);
	area = srcu_dereference(t->area, &t->area_srcu);
	if (area)
		ok = diff_area_protect(area, sector, count, nowait);
	srcu_read_unlock(&t->area_srcu, idx);
	return ok;
}

/* What lies beyond the map is new: there is nothing of it in any snapshot. */
static void tracker_mark(struct tracker *t, sector_t sector, sector_t count)
{
	struct cbt_map *map = t->map;
	sector_t last = sector + count - 1;

	tracker_check_size(t);
	if (unlikely(last >= map->capacity)) {
		if (sector >= map->capacity)
			return;
		last = map->capacity - 1;
	}
	cbt_map_mark(map, sector, last);
}

/* Any write, with all that may have to be done for it; it may be inside the gate already. */
static noinline bool tracker_submit_any(struct blkfilter *flt, struct bio *bio, bool inside)
{
	struct tracker *t = to_tracker(flt);
	bool nowait = bio->bi_opf & REQ_NOWAIT;
	sector_t count = bio_sectors(bio);
	sector_t sector = blkfilter_bio_sector(flt, bio);

	if (!inside && !gate_enter(&t->gate) && !gate_enter_slow(&t->gate, nowait))
		goto again;
	if (rcu_access_pointer(t->area) && !tracker_copy(t, sector, count, nowait))
		goto leave;
	if (t->async && !inflight_begin(t, bio))
		goto leave;
	/* The marker is there before. */
	if (unlikely(smp_load_acquire(&t->probed)))
		probe_look(t, bio);
	gate_count(&t->gate, count);
	tracker_mark(t, sector, count);
	tracker_check_threshold(t);
	blkfilter_pass(flt, bio);
	/* Of an asynchronous device the bio's end takes care. */
	if (!t->async)
		gate_leave(&t->gate);
	return true;
leave:
	gate_leave(&t->gate);
again:
	bio_wouldblock_error(bio);
	return true;
}

/*
 * Most writes need marking only. They are worth a way without calls, which costs
 * half of what the other does.
 */
static bool tracker_submit_bio(struct blkfilter *flt, struct bio *bio)
{
	struct tracker *t = to_tracker(flt);
	sector_t count = bio_sectors(bio);
	sector_t sector, end;
	struct cbt_map *map;

	/* A flush without data changes nothing. */
	if (unlikely(!count))
		return false;
	if (unlikely(READ_ONCE(t->special) || !gate_enter(&t->gate)))
		return tracker_submit_any(flt, bio, false);
	sector = blkfilter_bio_sector(flt, bio);
	end = sector + count;
	map = t->map;
	if (unlikely(end > map->capacity || bdev_nr_sectors(flt->bdev) != map->capacity ||
		     (rcu_access_pointer(t->area) &&
		      !cbt_map_settled_block(map, sector, end - 1))))
		return tracker_submit_any(flt, bio, true);
	gate_count(&t->gate, count);
	cbt_map_mark(map, sector, end - 1);
	blkfilter_pass(flt, bio);
	gate_leave(&t->gate);
	return true;
}

static struct blkfilter_operations tracker_ops = {
	.owner = THIS_MODULE,
	.name = BLKSNAP_FILTER_NAME,
	.flags = BLKFILTER_WRITES_ONLY,
	.attach = tracker_attach,
	.prepare_detach = tracker_prepare_detach,
	.detach = tracker_detach,
	.ctl = tracker_ctl,
	.submit_bio = tracker_submit_bio,
};

static bool tracker_in_hold(struct blkfilter *flt, void *hold)
{
	return flt->ops == &tracker_ops && READ_ONCE(to_tracker(flt)->gate.hold) == hold;
}

bool gate_task_inside(struct gate_hold *hold)
{
	return blkfilter_passing(tracker_in_hold, hold);
}

int __init tracker_init(void)
{
	int ret = -ENOMEM;

	inflight_cache = KMEM_CACHE(inflight, 0);
	if (!inflight_cache)
		return ret;
	free_wq = alloc_workqueue("blksnap-free", WQ_UNBOUND, 0);
	if (!free_wq)
		goto cache;
	ret = blkfilter_register(&tracker_ops);
	if (ret)
		goto wq;
	return 0;
wq:
	destroy_workqueue(free_wq);
cache:
	kmem_cache_destroy(inflight_cache);
	return ret;
}

void tracker_exit(void)
{
	blkfilter_unregister(&tracker_ops);
	wait_event(trackers_wait, !atomic_read(&trackers));
	/* The last of them may still be at the end of inflight_end_io(). */
	synchronize_rcu_tasks();
	destroy_workqueue(free_wq);
	kmem_cache_destroy(inflight_cache);
}
