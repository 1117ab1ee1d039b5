// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of BLKFILTER_CTL.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/slab.h>
#include <linux/uaccess.h>
#include "snapshot.h"
#include "tracker.h"

static_assert(sizeof(struct blksnap_uuid) == 16);
static_assert(sizeof(struct blksnap_attach_opt) == 8);
static_assert(sizeof(struct blksnap_cbtinfo) == 40);
static_assert(offsetof(struct blksnap_cbtinfo, device_capacity) == 0);
static_assert(offsetof(struct blksnap_cbtinfo, block_size) == 8);
static_assert(offsetof(struct blksnap_cbtinfo, block_count) == 12);
static_assert(offsetof(struct blksnap_cbtinfo, generation_id) == 16);
static_assert(offsetof(struct blksnap_cbtinfo, changes_number) == 32);
static_assert(sizeof(struct blksnap_cbtmap) == 16);
static_assert(offsetof(struct blksnap_cbtmap, offset) == 0);
static_assert(offsetof(struct blksnap_cbtmap, length) == 4);
static_assert(offsetof(struct blksnap_cbtmap, buffer) == 8);
static_assert(sizeof(struct blksnap_sectors) == 16);
static_assert(offsetof(struct blksnap_sectors, offset) == 0);
static_assert(offsetof(struct blksnap_sectors, count) == 8);
static_assert(sizeof(struct blksnap_cbtdirty) == 16);
static_assert(offsetof(struct blksnap_cbtdirty, count) == 0);
static_assert(offsetof(struct blksnap_cbtdirty, dirty_sectors) == 8);
static_assert(sizeof(struct blksnap_snapshotadd) == 16);
static_assert(sizeof(struct blksnap_snapshotinfo) == 36);
static_assert(offsetof(struct blksnap_snapshotinfo, error_code) == 0);
static_assert(offsetof(struct blksnap_snapshotinfo, image) == 4);
static_assert(sizeof(struct blksnap_cbtepoch) == 40);
static_assert(offsetof(struct blksnap_cbtepoch, tracking_id) == 0);
static_assert(offsetof(struct blksnap_cbtepoch, epoch) == 16);
static_assert(offsetof(struct blksnap_cbtepoch, map_epoch) == 24);
static_assert(offsetof(struct blksnap_cbtepoch, oldest_base) == 32);
static_assert(sizeof(struct blksnap_release) == 8);
static_assert(sizeof(struct blksnap_device_stat) == 48 + 8 * BLKSNAP_LATENCY_BUCKETS);
static_assert(offsetof(struct blksnap_device_stat, written_bytes) == 0);
static_assert(offsetof(struct blksnap_device_stat, changed_blocks) == 8);
static_assert(offsetof(struct blksnap_device_stat, copied_bytes) == 16);
static_assert(offsetof(struct blksnap_device_stat, released_bytes) == 24);
static_assert(offsetof(struct blksnap_device_stat, writes) == 32);
static_assert(offsetof(struct blksnap_device_stat, waited_writes) == 40);
static_assert(offsetof(struct blksnap_device_stat, latency) == 48);
static_assert(sizeof(struct blksnap_threshold) == 8);

/* Ranges of a CBTDIRTY that are looked at in one go. */
#define DIRTY_BATCH	(PAGE_SIZE / sizeof(struct blksnap_sectors))

static int arg_get(void *arg, u8 __user *buf, u32 *plen, size_t size)
{
	if (*plen < size)
		return -EINVAL;
	if (copy_from_user(arg, buf, size))
		return -EFAULT;
	*plen = size;
	return 0;
}

static int arg_put(u8 __user *buf, u32 *plen, const void *arg, size_t size)
{
	if (*plen < size)
		return -EINVAL;
	if (copy_to_user(buf, arg, size))
		return -EFAULT;
	*plen = size;
	return 0;
}

static long ctl_cbtinfo(struct tracker *t, u8 __user *buf, u32 *plen)
{
	struct blksnap_cbtinfo info = {};
	struct cbt_map *map;

	mutex_lock(&t->lock);
	tracker_check_size(t);
	map = t->map;
	info.device_capacity = (u64)map->capacity << SECTOR_SHIFT;
	info.block_size = 1U << (map->block_shift + SECTOR_SHIFT);
	info.block_count = map->block_count;
	export_uuid(info.generation_id.b, &map->generation);
	info.changes_number = map->closed;
	mutex_unlock(&t->lock);
	return arg_put(buf, plen, &info, sizeof(info));
}

/**
 * struct map_part - a part of the readable map, on its way to the user
 * @offset: of the next byte
 * @left: bytes
 * @epoch: of the map
 * @tracking: of the map
 * @bytes: copied from it
 */
struct map_part {
	u32 offset;
	u32 left;
	u64 epoch;
	uuid_t tracking;
	u8 bytes[SZ_64K];
};

/* Returns how many bytes were copied; -EAGAIN if it is another map than it was. */
static long map_part_copy(struct tracker *t, struct map_part *part, bool first)
{
	const struct cbt_map *map;
	long n = -EAGAIN;

	mutex_lock(&t->lock);
	map = t->map;
	if (first) {
		n = -ENODATA;
		if (part->offset >= map->block_count)
			goto unlock;
		/* The result of an ioctl is an int. */
		part->left = min3(part->left, map->block_count - part->offset, (u32)INT_MAX);
		part->epoch = map->epoch;
		uuid_copy(&part->tracking, &map->tracking);
	} else if (part->epoch != map->epoch || !uuid_equal(&part->tracking, &map->tracking)) {
		goto unlock;
	}
	n = min_t(u32, part->left, sizeof(part->bytes));
	memcpy(part->bytes, map->readable + part->offset, n);
unlock:
	mutex_unlock(&t->lock);
	return n;
}

/*
 * The user's memory is not touched under the lock: it may be that of a file, on a filesystem
 * which a take that waits for the lock has frozen.
 */
static long map_copy(struct tracker *t, const struct blksnap_cbtmap *arg, struct map_part *part)
{
	u8 __user *to = u64_to_user_ptr(arg->buffer);
	bool first = true;
	long n;

	part->offset = arg->offset;
	part->left = arg->length;
	do {
		n = map_part_copy(t, part, first);
		if (n < 0)
			return n;
		if (copy_to_user(to, part->bytes, n))
			return -EFAULT;
		first = false;
		to += n;
		part->offset += n;
		part->left -= n;
		if (fatal_signal_pending(current))
			return -EINTR;
	} while (part->left);
	return part->offset - arg->offset;
}

static long ctl_cbtmap(struct tracker *t, u8 __user *buf, u32 *plen)
{
	struct blksnap_cbtmap arg;
	struct map_part *part;
	long ret;

	ret = arg_get(&arg, buf, plen, sizeof(arg));
	if (ret)
		return ret;
	part = kvmalloc(sizeof(*part), GFP_KERNEL);
	if (!part)
		return -ENOMEM;
	do {
		ret = map_copy(t, &arg, part);
	} while (ret == -EAGAIN);
	kvfree(part);
	return ret;
}

static bool sectors_valid(const struct cbt_map *map, const struct blksnap_sectors *s)
{
	return s->count && s->offset < map->capacity && s->count <= map->capacity - s->offset;
}

/* Checks the ranges, and marks them if asked to; all of them or none. */
static long dirty_batch(struct tracker *t, const struct blksnap_sectors *batch, u32 n, bool mark)
{
	long ret = -EINVAL;
	u32 i;

	mutex_lock(&t->lock);
	for (i = 0; i < n; i++)
		if (!sectors_valid(t->map, &batch[i]))
			goto unlock;
	for (i = 0; mark && i < n; i++)
		cbt_map_mark_both(t->map, batch[i].offset, batch[i].count);
	if (mark)
		tracker_check_threshold(t);
	ret = 0;
unlock:
	mutex_unlock(&t->lock);
	return ret;
}

/*
 * Goes once through the ranges, to check or to mark. As with the map, the user's memory is not
 * touched under the lock. It may hold something else in the second pass, and the map may be
 * another one then: so that checks, too.
 */
static long dirty_pass(struct tracker *t, const struct blksnap_cbtdirty *arg,
		       struct blksnap_sectors *batch, bool mark)
{
	const struct blksnap_sectors __user *from = u64_to_user_ptr(arg->dirty_sectors);
	u32 left, n;
	long ret;

	for (left = arg->count; left; left -= n, from += n) {
		n = min_t(u32, left, DIRTY_BATCH);
		if (copy_from_user(batch, from, n * sizeof(*batch)))
			return -EFAULT;
		ret = dirty_batch(t, batch, n, mark);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static long ctl_cbtdirty(struct tracker *t, u8 __user *buf, u32 *plen)
{
	struct blksnap_sectors *batch;
	struct blksnap_cbtdirty arg;
	long ret;

	ret = arg_get(&arg, buf, plen, sizeof(arg));
	if (ret)
		return ret;
	batch = kmalloc_array(DIRTY_BATCH, sizeof(*batch), GFP_KERNEL);
	if (!batch)
		return -ENOMEM;
	ret = dirty_pass(t, &arg, batch, false) ?: dirty_pass(t, &arg, batch, true);
	kfree(batch);
	return ret;
}

static long ctl_snapshotadd(struct tracker *t, u8 __user *buf, u32 *plen)
{
	struct blksnap_snapshotadd arg;
	long ret;

	ret = arg_get(&arg, buf, plen, sizeof(arg));
	return ret ?: snapshot_add(&arg.id, t);
}

static long ctl_snapshotinfo(struct tracker *t, u8 __user *buf, u32 *plen)
{
	struct blksnap_snapshotinfo info = {};

	mutex_lock(&t->lock);
	tracker_check_size(t);
	mutex_unlock(&t->lock);
	snapshot_tracker_info(t, &info);
	return arg_put(buf, plen, &info, sizeof(info));
}

static long ctl_cbtepoch(struct tracker *t, u8 __user *buf, u32 *plen)
{
	struct blksnap_cbtepoch epoch = {};

	mutex_lock(&t->lock);
	tracker_check_size(t);
	export_uuid(epoch.tracking_id.b, &t->map->tracking);
	epoch.epoch = t->map->epoch;
	epoch.map_epoch = t->map->map_epoch;
	epoch.oldest_base = t->map->oldest_base;
	mutex_unlock(&t->lock);
	return arg_put(buf, plen, &epoch, sizeof(epoch));
}

static long ctl_release(struct tracker *t, u8 __user *buf, u32 *plen)
{
	struct blksnap_release arg;
	long ret;

	ret = arg_get(&arg, buf, plen, sizeof(arg));
	if (ret)
		return ret;
	if (arg.enable > 1 || arg.reserved)
		return -EINVAL;
	return snapshot_tracker_release(t, arg.enable);
}

static long ctl_stat(struct tracker *t, u8 __user *buf, u32 *plen)
{
	struct blksnap_device_stat stat = {};
	u64 sectors;
	int i;

	mutex_lock(&t->lock);
	tracker_totals(t, &stat.writes, &sectors);
	stat.written_bytes = (sectors - t->sectors_base) << SECTOR_SHIFT;
	stat.changed_blocks = atomic_long_read(&t->map->changed);
	mutex_unlock(&t->lock);
	stat.waited_writes = atomic64_read(&t->latency.waits);
	for (i = 0; i < BLKSNAP_LATENCY_BUCKETS; i++)
		stat.latency[i] = atomic64_read(&t->latency.buckets[i]);
	snapshot_tracker_stat(t, &stat);
	return arg_put(buf, plen, &stat, sizeof(stat));
}

static long ctl_threshold(struct tracker *t, u8 __user *buf, u32 *plen)
{
	struct blksnap_threshold arg;
	unsigned int shift;
	long ret;

	ret = arg_get(&arg, buf, plen, sizeof(arg));
	if (ret)
		return ret;
	mutex_lock(&t->lock);
	shift = t->map->block_shift + SECTOR_SHIFT;
	t->threshold_told = 0;
	/* In whole blocks, and at least one unless it is off. */
	WRITE_ONCE(t->threshold, (arg.changed_bytes >> shift) +
		   !!(arg.changed_bytes & ((1ULL << shift) - 1)));
	tracker_update_special(t);
	tracker_check_threshold(t);
	mutex_unlock(&t->lock);
	return 0;
}

long tracker_ctl(struct blkfilter *flt, unsigned int cmd, u8 __user *buf, u32 *plen)
{
	struct tracker *t = to_tracker(flt);

	switch (cmd) {
	case BLKFILTER_CTL_BLKSNAP_CBTINFO:
		return ctl_cbtinfo(t, buf, plen);
	case BLKFILTER_CTL_BLKSNAP_CBTMAP:
		return ctl_cbtmap(t, buf, plen);
	case BLKFILTER_CTL_BLKSNAP_CBTDIRTY:
		return ctl_cbtdirty(t, buf, plen);
	case BLKFILTER_CTL_BLKSNAP_SNAPSHOTADD:
		return ctl_snapshotadd(t, buf, plen);
	case BLKFILTER_CTL_BLKSNAP_SNAPSHOTINFO:
		return ctl_snapshotinfo(t, buf, plen);
	case BLKFILTER_CTL_BLKSNAP_CBTEPOCH:
		return ctl_cbtepoch(t, buf, plen);
	case BLKFILTER_CTL_BLKSNAP_RELEASE:
		return ctl_release(t, buf, plen);
	case BLKFILTER_CTL_BLKSNAP_STAT:
		return ctl_stat(t, buf, plen);
	case BLKFILTER_CTL_BLKSNAP_THRESHOLD:
		return ctl_threshold(t, buf, plen);
	}
	return -ENOTTY;
}
