// SPDX-License-Identifier: GPL-2.0
/*
 * The control device.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "control.h"
#include "events.h"
#include "snapshot.h"

static_assert(sizeof(struct blksnap_version) == 8);
static_assert(sizeof(struct blksnap_snapshot_create) == 32);
static_assert(offsetof(struct blksnap_snapshot_create, diff_storage_limit_sect) == 0);
static_assert(offsetof(struct blksnap_snapshot_create, diff_storage_filename) == 8);
static_assert(offsetof(struct blksnap_snapshot_create, id) == 16);
static_assert(sizeof(struct blksnap_snapshot_array) == 16);
static_assert(offsetof(struct blksnap_snapshot_array, count) == 0);
static_assert(offsetof(struct blksnap_snapshot_array, ids) == 8);
static_assert(sizeof(struct blksnap_snapshot_event) == 4096);
static_assert(offsetof(struct blksnap_snapshot_event, id) == 0);
static_assert(offsetof(struct blksnap_snapshot_event, timeout_ms) == 16);
static_assert(offsetof(struct blksnap_snapshot_event, code) == 20);
static_assert(offsetof(struct blksnap_snapshot_event, time_label) == 24);
static_assert(offsetof(struct blksnap_snapshot_event, data) == 32);
static_assert(sizeof(struct blksnap_event_corrupted) == 12);
static_assert(offsetof(struct blksnap_event_corrupted, dev_id_mn) == 4);
static_assert(offsetof(struct blksnap_event_corrupted, err_code) == 8);
static_assert(sizeof(struct blksnap_event_no_space) == 8);
static_assert(sizeof(struct blksnap_event_watermark) == 16);
static_assert(sizeof(struct blksnap_event_changed) == 16);
static_assert(offsetof(struct blksnap_event_changed, changed_bytes) == 8);
static_assert(sizeof(struct blksnap_event_resized) == 24);
static_assert(offsetof(struct blksnap_event_resized, old_capacity) == 8);
static_assert(sizeof(struct blksnap_event_removed) == 8);
static_assert(sizeof(struct blksnap_features) == 8);
static_assert(sizeof(struct blksnap_snapshot_stat) == 48);
static_assert(offsetof(struct blksnap_snapshot_stat, limit_sect) == 16);
static_assert(offsetof(struct blksnap_snapshot_stat, error_code) == 40);
static_assert(offsetof(struct blksnap_snapshot_stat, devices) == 44);
static_assert(sizeof(struct blksnap_snapshot_watermark) == 24);
static_assert(offsetof(struct blksnap_snapshot_watermark, used_sect) == 16);
static_assert(sizeof(struct blksnap_subscribe) == 16);
static_assert(IOCTL_BLKSNAP_VERSION == 0x80085600);
static_assert(IOCTL_BLKSNAP_SNAPSHOT_CREATE == 0xc0205601);
static_assert(IOCTL_BLKSNAP_SNAPSHOT_DESTROY == 0x40105602);
static_assert(IOCTL_BLKSNAP_SNAPSHOT_TAKE == 0x40105603);
static_assert(IOCTL_BLKSNAP_SNAPSHOT_COLLECT == 0x80105604);
static_assert(IOCTL_BLKSNAP_SNAPSHOT_WAIT_EVENT == 0x90005605);

/* Identifiers that a COLLECT returns at most; more is not an error. */
#define COLLECT_MAX	65536

/**
 * struct control_file - an open control device
 * @lock: protects what follows while it is set; it is never unset
 * @snapshot: subscribed to, or NULL
 * @devices: subscription to the events of devices, or NULL
 */
struct control_file {
	struct mutex lock; /* subscribing */
	struct snapshot *snapshot;
	struct event_subscriber *devices;
};

static const struct blksnap_uuid no_id;

static bool is_no_id(const struct blksnap_uuid *id)
{
	return !memcmp(id, &no_id, sizeof(no_id));
}

static long control_version(void __user *arg)
{
	static const struct blksnap_version version = { .major = 2 };

	return copy_to_user(arg, &version, sizeof(version)) ? -EFAULT : 0;
}

static long control_features(void __user *arg)
{
	static const struct blksnap_features features = {
		.features = BLKSNAP_FEATURE_EPOCH | BLKSNAP_FEATURE_RELEASE |
			    BLKSNAP_FEATURE_SMALL_COPY | BLKSNAP_FEATURE_WATERMARK |
			    BLKSNAP_FEATURE_DEVICE_EVENTS | BLKSNAP_FEATURE_POLL |
			    BLKSNAP_FEATURE_STAT | BLKSNAP_FEATURE_WHOLE_DISK |
			    BLKSNAP_FEATURE_GROUP_INSTANT,
	};

	return copy_to_user(arg, &features, sizeof(features)) ? -EFAULT : 0;
}

static long control_create(struct blksnap_snapshot_create __user *arg)
{
	struct blksnap_snapshot_create create;
	char *path;
	long ret;

	/* Where the identifier cannot be put nobody would know of the snapshot. */
	if (copy_from_user(&create, arg, sizeof(create)) ||
	    clear_user(&arg->id, sizeof(arg->id)))
		return -EFAULT;
	path = strndup_user(u64_to_user_ptr(create.diff_storage_filename), PATH_MAX);
	if (IS_ERR(path))
		return PTR_ERR(path);
	ret = snapshot_create(path, create.diff_storage_limit_sect, &create.id);
	kfree(path);
	if (!ret && copy_to_user(&arg->id, &create.id, sizeof(create.id))) {
		snapshot_destroy(&create.id);
		ret = -EFAULT;
	}
	return ret;
}

static long control_destroy(const struct blksnap_uuid __user *arg)
{
	struct blksnap_uuid id;

	if (copy_from_user(&id, arg, sizeof(id)))
		return -EFAULT;
	return snapshot_destroy(&id);
}

static long control_take(const struct blksnap_uuid __user *arg)
{
	struct blksnap_uuid id;

	if (copy_from_user(&id, arg, sizeof(id)))
		return -EFAULT;
	return snapshot_take(&id);
}

static long control_collect(struct blksnap_snapshot_array __user *arg)
{
	struct blksnap_snapshot_array array;
	struct blksnap_uuid *ids = NULL;
	u32 room;
	long ret;

	if (copy_from_user(&array, arg, sizeof(array)))
		return -EFAULT;
	room = min_t(u32, array.count, COLLECT_MAX);
	if (room) {
		ids = kvcalloc(room, sizeof(*ids), GFP_KERNEL);
		if (!ids)
			return -ENOMEM;
	}
	ret = snapshot_collect(ids, room, &array.count);
	/* Who brings no room at all only asks how many there are. */
	if (!room)
		ret = 0;
	if (copy_to_user(arg, &array, sizeof(array)))
		ret = -EFAULT;
	else if (!ret && room && copy_to_user(u64_to_user_ptr(array.ids), ids,
					      array.count * sizeof(*ids)))
		ret = -EFAULT;
	kvfree(ids);
	return ret;
}

static long wait_event_of(struct control_file *cf, struct blksnap_snapshot_event *ev)
{
	struct event_subscriber *sub;
	struct snapshot *snap;
	long ret;

	if (is_no_id(&ev->id)) {
		/* It may come at any time. */
		sub = smp_load_acquire(&cf->devices);
		return sub ? event_queue_wait(&sub->queue, ev->timeout_ms, ev) : -ESRCH;
	}
	snap = snapshot_find(&ev->id);
	if (!snap)
		return -ESRCH;
	ret = event_queue_wait(&snap->events, ev->timeout_ms, ev);
	snapshot_put(snap);
	return ret;
}

static long control_wait_event(struct control_file *cf,
			       struct blksnap_snapshot_event __user *arg)
{
	struct blksnap_snapshot_event *ev;
	long ret;

	ev = kzalloc(sizeof(*ev), GFP_KERNEL);
	if (!ev)
		return -ENOMEM;
	ret = -EFAULT;
	/* Neither half is worth copying where the other cannot be. */
	if (copy_from_user(ev, arg, offsetof(struct blksnap_snapshot_event, code)) ||
	    clear_user(arg->data, sizeof(arg->data)))
		goto free;
	ret = wait_event_of(cf, ev);
	if (!ret && copy_to_user(arg, ev, sizeof(*ev)))
		ret = -EFAULT;
free:
	kfree(ev);
	return ret;
}

static long control_stat(struct blksnap_snapshot_stat __user *arg)
{
	struct blksnap_snapshot_stat stat = {};
	long ret;

	if (copy_from_user(&stat.id, &arg->id, sizeof(stat.id)))
		return -EFAULT;
	ret = snapshot_stat(&stat);
	if (!ret && copy_to_user(arg, &stat, sizeof(stat)))
		ret = -EFAULT;
	return ret;
}

static long control_watermark(const struct blksnap_snapshot_watermark __user *arg)
{
	struct blksnap_snapshot_watermark wm;

	if (copy_from_user(&wm, arg, sizeof(wm)))
		return -EFAULT;
	return snapshot_watermark(&wm);
}

static long subscribe_devices(struct control_file *cf)
{
	struct event_subscriber *sub;

	if (cf->devices)
		return -EALREADY;
	sub = kzalloc(sizeof(*sub), GFP_KERNEL);
	if (!sub)
		return -ENOMEM;
	event_subscribe(sub);
	/* Initialised before it is seen. */
	smp_store_release(&cf->devices, sub);
	return 0;
}

static long subscribe_snapshot(struct control_file *cf, const struct blksnap_uuid *id)
{
	struct snapshot *snap;

	if (cf->snapshot)
		return -EALREADY;
	snap = snapshot_find(id);
	if (!snap)
		return -ESRCH;
	/* As above. */
	smp_store_release(&cf->snapshot, snap);
	return 0;
}

static long control_subscribe(struct control_file *cf,
			      const struct blksnap_subscribe __user *arg)
{
	struct blksnap_subscribe sub;
	long ret;

	if (copy_from_user(&sub, arg, sizeof(sub)))
		return -EFAULT;
	mutex_lock(&cf->lock);
	ret = is_no_id(&sub.id) ? subscribe_devices(cf) : subscribe_snapshot(cf, &sub.id);
	mutex_unlock(&cf->lock);
	return ret;
}

static long control_ioctl(struct file *file, unsigned int cmd, unsigned long ptr)
{
	struct control_file *cf = file->private_data;
	void __user *arg = (void __user *)ptr;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (cmd) {
	case IOCTL_BLKSNAP_VERSION:
		return control_version(arg);
	case IOCTL_BLKSNAP_SNAPSHOT_CREATE:
		return control_create(arg);
	case IOCTL_BLKSNAP_SNAPSHOT_DESTROY:
		return control_destroy(arg);
	case IOCTL_BLKSNAP_SNAPSHOT_TAKE:
		return control_take(arg);
	case IOCTL_BLKSNAP_SNAPSHOT_COLLECT:
		return control_collect(arg);
	case IOCTL_BLKSNAP_SNAPSHOT_WAIT_EVENT:
		return control_wait_event(cf, arg);
	case IOCTL_BLKSNAP_FEATURES:
		return control_features(arg);
	case IOCTL_BLKSNAP_SNAPSHOT_STAT:
		return control_stat(arg);
	case IOCTL_BLKSNAP_SNAPSHOT_WATERMARK:
		return control_watermark(arg);
	case IOCTL_BLKSNAP_SUBSCRIBE:
		return control_subscribe(cf, arg);
	}
	return -ENOTTY;
}

static __poll_t control_poll(struct file *file, struct poll_table_struct *wait)
{
	struct control_file *cf = file->private_data;
	struct event_subscriber *sub;
	struct snapshot *snap;
	__poll_t mask = 0;

	/* They may come at any time, but do not go while the file is open. */
	sub = smp_load_acquire(&cf->devices);
	/* As above. */
	snap = smp_load_acquire(&cf->snapshot);

	if (sub) {
		poll_wait(file, &sub->queue.wait, wait);
		mask |= event_queue_poll(&sub->queue);
	}
	if (snap) {
		poll_wait(file, &snap->events.wait, wait);
		mask |= event_queue_poll(&snap->events);
	}
	return mask;
}

static int control_open(struct inode *inode, struct file *file)
{
	struct control_file *cf = kzalloc(sizeof(*cf), GFP_KERNEL);

	if (!cf)
		return -ENOMEM;
	mutex_init(&cf->lock);
	file->private_data = cf;
	return 0;
}

static int control_release(struct inode *inode, struct file *file)
{
	struct control_file *cf = file->private_data;

	if (cf->devices)
		event_unsubscribe(cf->devices);
	if (cf->snapshot)
		snapshot_put(cf->snapshot);
	kfree(cf->devices);
	kfree(cf);
	return 0;
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.open = control_open,
	.release = control_release,
	.unlocked_ioctl = control_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = control_poll,
	.llseek = noop_llseek,
};

static struct miscdevice control_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = BLKSNAP_CTL,
	.fops = &control_fops,
	.mode = 0600,
};

int __init control_init(void)
{
	return misc_register(&control_device);
}

void control_exit(void)
{
	misc_deregister(&control_device);
}
