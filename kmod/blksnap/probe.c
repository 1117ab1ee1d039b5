// SPDX-License-Identifier: GPL-2.0
/*
 * Whether a storage lies on a device of its own snapshot by a way that cannot be looked up: a
 * loop device's file in another mount namespace, a server of whatever kind on this machine. A
 * page that cannot be taken for another is written to the storage, and the filters of the
 * devices look whether it comes to them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/random.h>
#include <linux/slab.h>
#include "diff_storage.h"
#include "probe.h"
#include "snapshot.h"
#include "tracker.h"

/* For how long the storage may take to write it: a busy filesystem has much to write first. */
#define PROBE_LIMIT	(30 * HZ)

/**
 * struct probe - a page on its way to the storage
 * @work: writes it
 * @done: it has
 * @storage: the storage
 * @page: random, but that each sector begins with the marker; nothing on the way makes it smaller
 */
struct probe {
	struct work_struct work;
	struct completion done;
	struct diff_storage *storage;
	struct page *page;
};

static void probe_work(struct work_struct *work)
{
	struct probe *p = container_of(work, struct probe, work);

	/* What fails is told when something is to be kept. */
	store_write_through(p->storage, p->page);
	complete_all(&p->done);
}

static int probe_alloc(struct diff_storage *s, u8 *marker)
{
	struct probe *p = kzalloc(sizeof(*p), GFP_KERNEL);
	unsigned int at;
	u8 *bytes;

	if (!p)
		return -ENOMEM;
	p->page = alloc_page(GFP_KERNEL);
	if (!p->page) {
		kfree(p);
		return -ENOMEM;
	}
	INIT_WORK(&p->work, probe_work);
	init_completion(&p->done);
	p->storage = s;
	bytes = kmap_local_page(p->page);
	get_random_bytes(bytes, PAGE_SIZE);
	memcpy(marker, bytes, PROBE_MARKER);
	for (at = 0; at < PAGE_SIZE; at += SECTOR_SIZE)
		memcpy(bytes + at, marker, PROBE_MARKER);
	kunmap_local(bytes);
	s->probe = p;
	return 0;
}

/**
 * probe_free - forget the probe of a storage
 * @s: the storage, whose works are over, or the one of the probe
 */
void probe_free(struct diff_storage *s)
{
	if (!s->probe)
		return;
	__free_page(s->probe->page);
	kfree(s->probe);
	s->probe = NULL;
}

/* While it has not been written, or failed, nothing may be kept there that it would overwrite. */
static int probe_wait(struct diff_storage *s)
{
	if (!s->probe)
		return 0;
	if (!wait_for_completion_timeout(&s->probe->done, PROBE_LIMIT)) {
		pr_err("difference storage %s: does not write\n", s->path);
		return -ETIMEDOUT;
	}
	flush_work(&s->probe->work);
	probe_free(s);
	return 0;
}

static void probe_watch(struct snapshot *snap, const u8 *marker)
{
	struct snapshot_device *dev;

	list_for_each_entry(dev, &snap->devices, link) {
		struct tracker *t = dev->tracker;

		mutex_lock(&t->lock);
		if (marker) {
			memcpy(t->marker, marker, sizeof(t->marker));
			t->marker_seen = false;
		}
		/* Whoever sees it set looks for this marker. */
		smp_store_release(&t->probed, !!marker);
		tracker_update_special(t);
		mutex_unlock(&t->lock);
	}
}

/**
 * probe_look - see whether a write brings the marker
 * @t: probed
 * @bio: a write to its device
 */
void probe_look(struct tracker *t, struct bio *bio)
{
	struct bvec_iter iter;
	struct bio_vec bv;

	if (!bio_has_data(bio))
		return;
	bio_for_each_segment(bv, bio, iter) {
		u8 *bytes = bvec_kmap_local(&bv);
		unsigned int at;

		for (at = 0; at + PROBE_MARKER <= bv.bv_len; at += SECTOR_SIZE)
			if (!memcmp(bytes + at, t->marker, PROBE_MARKER))
				WRITE_ONCE(t->marker_seen, true);
		kunmap_local(bytes);
	}
}

/**
 * probe_storage - see whether what is written to the storage comes to a device of the snapshot
 * @snap: locked, with its devices held and no area for any of them
 *
 * Return: 0 if not, as far as can be seen; -EBUSY if so, -ETIMEDOUT the storage does not write,
 * -ENOMEM.
 */
int probe_storage(struct snapshot *snap)
{
	struct diff_storage *s = snap->storage;
	struct snapshot_device *dev;
	u8 marker[PROBE_MARKER];
	int ret;

	if (s->in_memory)
		return 0;
	/* There may be one left of a take that was given up. */
	ret = probe_wait(s) ?: probe_alloc(s, marker);
	if (ret)
		return ret;
	probe_watch(snap, marker);
	queue_work(s->wq, &s->probe->work);
	ret = probe_wait(s);
	probe_watch(snap, NULL);
	list_for_each_entry(dev, &snap->devices, link) {
		if (!READ_ONCE(dev->tracker->marker_seen))
			continue;
		pr_err("%pg: holds the difference storage of the snapshot: what is written to %s comes to it; choose another place for it\n",
		       dev->held.bdev, s->path);
		ret = -EBUSY;
	}
	return ret;
}
