// SPDX-License-Identifier: GPL-2.0
/*
 * Registered filter drivers, and the filters attached to devices.
 *
 * Attached filters are found by their device in an RCU hash. A bio or a command
 * takes the filter's percpu_ref; a detach kills that and waits for it to drain,
 * so a filter costs a submitter no shared cache line.
 *
 * What attaches to or detaches from a disk and its partitions first claims the
 * disk, so that no lock need be held while the driver's callbacks run.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/wait.h>
#include <uapi/linux/blk-filter.h>
#include "blkfilter.h"
#include "compat.h"

/* Protects everything here for writing; never held across a callback. */
static DEFINE_SPINLOCK(filter_lock);
static LIST_HEAD(filter_drivers);
struct hlist_head blkfilters[1 << BLKFILTER_HASH_BITS];
unsigned int blkfilters_whole_disk;

/*
 * Claims of disks.
 */

struct disk_claim {
	struct list_head link;
	const struct gendisk *disk;
};

static LIST_HEAD(disk_claims);
static DECLARE_WAIT_QUEUE_HEAD(disk_claim_wait);

static bool disk_claim_try(struct disk_claim *claim)
{
	struct disk_claim *other;

	spin_lock(&filter_lock);
	list_for_each_entry(other, &disk_claims, link) {
		if (other->disk == claim->disk) {
			spin_unlock(&filter_lock);
			return false;
		}
	}
	list_add(&claim->link, &disk_claims);
	spin_unlock(&filter_lock);
	return true;
}

/* The disk is only compared, so it may be gone. */
static void disk_claim(struct disk_claim *claim, const struct gendisk *disk)
{
	claim->disk = disk;
	wait_event(disk_claim_wait, disk_claim_try(claim));
}

static void disk_unclaim(struct disk_claim *claim)
{
	spin_lock(&filter_lock);
	list_del(&claim->link);
	spin_unlock(&filter_lock);
	wake_up_all(&disk_claim_wait);
}

/* A filter on one of the disk's partitions. */
static struct blkfilter *filter_of_partition(const struct block_device *bdev)
{
	struct blkfilter *flt;
	int bkt;

	hash_for_each_rcu(blkfilters, bkt, flt, node)
		if (flt->bdev->bd_disk == bdev->bd_disk && flt->bdev != bdev)
			return flt;
	return NULL;
}

/*
 * Drivers.
 */

static struct blkfilter_operations *filter_driver_find(const char *name)
{
	struct blkfilter_operations *ops;

	list_for_each_entry(ops, &filter_drivers, link)
		if (!strncmp(ops->name, name, BLKFILTER_NAME_LENGTH))
			return ops;
	return NULL;
}

static struct blkfilter_operations *filter_driver_get(const char *name)
{
	struct blkfilter_operations *ops;

	spin_lock(&filter_lock);
	ops = filter_driver_find(name);
	if (ops && !try_module_get(ops->owner))
		ops = NULL;
	spin_unlock(&filter_lock);
	return ops;
}

/*
 * Attaching and detaching; the disk is claimed.
 */

static void filter_drained(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct blkfilter, ref)->drained);
}

/*
 * With the disk claimed: the filter of a device, which stays. In the same bucket there may be
 * those of other disks, which do not.
 */
static struct blkfilter *filter_find_claimed(const struct block_device *bdev)
{
	struct blkfilter *flt;

	rcu_read_lock();
	flt = blkfilter_find(bdev);
	rcu_read_unlock();
	return flt;
}

static int filter_check_device(struct block_device *bdev, const char *name)
{
	struct blkfilter *flt = filter_find_claimed(bdev);

	if (!compat_bdev_live(bdev))
		return -ENODEV;
	if (flt && (flt->flags & BLKFILTER_OWN)) {
		pr_err("%pg: is made by filter %s, and cannot be filtered\n",
		       bdev, flt->ops->name);
		return -EPERM;
	}
	if (flt)
		return strncmp(flt->ops->name, name, BLKFILTER_NAME_LENGTH) ?
			-EBUSY : -EALREADY;
	rcu_read_lock();
	flt = blkfilter_find_whole(bdev);
	rcu_read_unlock();
	if (flt) {
		pr_err("%pg: filter %s on the whole disk %pg covers this partition; detach it first\n",
		       bdev, flt->ops->name, flt->bdev);
		return -EBUSY;
	}
	if (compat_has_rw_page(bdev->bd_disk)) {
		pr_err("%pg: cannot be filtered on this kernel: its driver writes single pages past the filter; use another device type or linux 6.6 and later\n",
		       bdev);
		return -EOPNOTSUPP;
	}
	if (blk_queue_dax(bdev_get_queue(bdev)))
		pr_warn("%pg: may be mapped directly (DAX); what is written through such a mapping is not seen by filters\n",
			bdev);
	return 0;
}

static int filter_check_whole_disk(struct blkfilter *flt)
{
	struct blkfilter *part;

	if (!(flt->flags & BLKFILTER_WHOLE_DISK))
		return 0;
	if (bdev_is_partition(flt->bdev)) {
		pr_err("%pg: is a partition; attach to %pg to cover the whole disk\n",
		       flt->bdev, bdev_whole(flt->bdev));
		return -EINVAL;
	}
	rcu_read_lock();
	part = filter_of_partition(flt->bdev);
	if (part)
		pr_err("%pg: partition %pg has a filter of its own, %s; detach it before the whole disk is covered\n",
		       flt->bdev, part->bdev, part->ops->name);
	rcu_read_unlock();
	return part ? -EBUSY : 0;
}

static int filter_publish(struct blkfilter *flt)
{
	int ret;

	ret = filter_check_whole_disk(flt);
	if (ret)
		return ret;
	init_completion(&flt->drained);
	ret = percpu_ref_init(&flt->ref, filter_drained, 0, GFP_KERNEL);
	if (ret)
		return ret;
	ret = blkfilter_hook_submit_get();
	if (ret) {
		percpu_ref_exit(&flt->ref);
		return ret;
	}
	spin_lock(&filter_lock);
	if (flt->flags & BLKFILTER_WHOLE_DISK)
		WRITE_ONCE(blkfilters_whole_disk, blkfilters_whole_disk + 1);
	hlist_add_head_rcu(&flt->node, blkfilter_bucket(flt->bdev));
	spin_unlock(&filter_lock);
	return 0;
}

static int filter_attach(struct block_device *bdev,
			 struct blkfilter_operations *ops, const void *opt,
			 u32 optlen)
{
	struct blkfilter *flt;
	int ret;

	flt = ops->attach(bdev, opt, optlen);
	if (IS_ERR(flt))
		return PTR_ERR(flt);
	flt->bdev = bdev;
	flt->ops = ops;
	ret = filter_publish(flt);
	if (ret)
		ops->detach(flt);
	else
		pr_info("%pg: filter %s attached\n", bdev, ops->name);
	return ret;
}

static void filter_unpublish(struct blkfilter *flt)
{
	percpu_ref_kill(&flt->ref);
	wait_for_completion(&flt->drained);
	spin_lock(&filter_lock);
	hlist_del_rcu(&flt->node);
	if (flt->flags & BLKFILTER_WHOLE_DISK)
		WRITE_ONCE(blkfilters_whole_disk, blkfilters_whole_disk - 1);
	spin_unlock(&filter_lock);
	blkfilter_hook_submit_put();
	/* Submitters may still look at the reference that they do not get. */
	synchronize_rcu();
	percpu_ref_exit(&flt->ref);
}

static void filter_remove(struct blkfilter *flt)
{
	const struct blkfilter_operations *ops = flt->ops;

	filter_unpublish(flt);
	ops->detach(flt);
	module_put(ops->owner);
}

/**
 * blkfilter_attach_own - attach a filter to a disk that its driver makes
 * @flt: the filter
 * @bdev: the whole disk, which was not added yet
 * @ops: need not be registered; of the operations only ->submit_bio() is called
 *
 * So a driver gets the bios of a disk of its own without their going through the
 * queue of that first. Users can neither detach it nor attach another.
 *
 * Return: 0; -EBUSY if the place where bios pass is not to be had, -ENOMEM.
 */
int blkfilter_attach_own(struct blkfilter *flt, struct block_device *bdev,
			 const struct blkfilter_operations *ops)
{
	flt->bdev = bdev;
	flt->ops = ops;
	flt->flags = BLKFILTER_OWN;
	return filter_publish(flt);
}
EXPORT_SYMBOL_GPL(blkfilter_attach_own);

/**
 * blkfilter_detach_own - undo blkfilter_attach_own()
 * @flt: the filter; the disk still exists
 *
 * On return no bio is inside of the filter, and none will be. May sleep.
 */
void blkfilter_detach_own(struct blkfilter *flt)
{
	struct disk_claim claim;

	disk_claim(&claim, flt->bdev->bd_disk);
	filter_unpublish(flt);
	disk_unclaim(&claim);
}
EXPORT_SYMBOL_GPL(blkfilter_detach_own);

/**
 * blkfilter_attach - attach a filter to a device
 * @bdev: the device, held open by the caller
 * @name: of the driver, up to BLKFILTER_NAME_LENGTH bytes
 * @opt: options for the driver, NULL if @optlen is 0
 * @optlen: bytes at @opt
 *
 * Return: 0; -ENOENT unknown driver, -EALREADY attached already, -EBUSY another
 * filter is attached, -ENODEV the device is gone, or the driver's errno.
 */
int blkfilter_attach(struct block_device *bdev, const char *name,
		     const void *opt, u32 optlen)
{
	struct blkfilter_operations *ops;
	struct disk_claim claim;
	int ret;

	ops = filter_driver_get(name);
	if (!ops)
		return -ENOENT;
	disk_claim(&claim, bdev->bd_disk);
	ret = filter_check_device(bdev, name);
	if (!ret)
		ret = filter_attach(bdev, ops, opt, optlen);
	disk_unclaim(&claim);
	if (ret)
		module_put(ops->owner);
	return ret;
}

/**
 * blkfilter_detach - detach the filter of a device at the user's request
 * @bdev: the device, held open by the caller
 * @name: of the driver, up to BLKFILTER_NAME_LENGTH bytes
 *
 * Return: 0 with no bio inside the driver any more; -ENOENT no filter is
 * attached, -EINVAL one of another name is, -EPERM it is the disk's own, or what
 * ->prepare_detach() says.
 */
int blkfilter_detach(struct block_device *bdev, const char *name)
{
	struct disk_claim claim;
	struct blkfilter *flt;
	int ret = 0;

	disk_claim(&claim, bdev->bd_disk);
	flt = filter_find_claimed(bdev);
	if (!flt)
		ret = -ENOENT;
	else if (strncmp(flt->ops->name, name, BLKFILTER_NAME_LENGTH))
		ret = -EINVAL;
	else if (flt->flags & BLKFILTER_OWN)
		ret = -EPERM;
	else if (flt->ops->prepare_detach)
		ret = flt->ops->prepare_detach(flt);
	if (!ret) {
		filter_remove(flt);
		pr_info("%pg: filter %.*s detached\n", bdev,
			BLKFILTER_NAME_LENGTH, name);
	}
	disk_unclaim(&claim);
	return ret;
}

/**
 * blkfilter_device_gone - detach the filter of a device that is being removed
 * @bdev: the device; new attachments fail already
 *
 * A disk's own filter is its driver's to detach.
 */
void blkfilter_device_gone(struct block_device *bdev)
{
	struct disk_claim claim;
	struct blkfilter *flt;

	disk_claim(&claim, bdev->bd_disk);
	flt = filter_find_claimed(bdev);
	if (flt && !(flt->flags & BLKFILTER_OWN)) {
		pr_warn("%pg: device is being removed, filter %s detached\n",
			bdev, flt->ops->name);
		filter_remove(flt);
	}
	disk_unclaim(&claim);
}

/**
 * blkfilter_ctl - hand a command to the filter of a device
 * @bdev: the device, held open by the caller
 * @name: of the driver, up to BLKFILTER_NAME_LENGTH bytes
 * @cmd: the driver's command
 * @buf: user pointer to its argument
 * @plen: bytes at @buf; what was used of them on return
 *
 * Return: the driver's result; -ENOENT no filter is attached, -EINVAL one of
 * another name is, -ENOTTY the driver has no commands.
 */
long blkfilter_ctl(struct block_device *bdev, const char *name,
		   unsigned int cmd, u8 __user *buf, u32 *plen)
{
	struct blkfilter *flt;
	long ret;

	rcu_read_lock();
	flt = blkfilter_find(bdev);
	if (flt && !percpu_ref_tryget_live(&flt->ref))
		flt = NULL;
	rcu_read_unlock();
	if (!flt)
		return -ENOENT;
	if (strncmp(flt->ops->name, name, BLKFILTER_NAME_LENGTH))
		ret = -EINVAL;
	else if (!flt->ops->ctl)
		ret = -ENOTTY;
	else
		ret = flt->ops->ctl(flt, cmd, buf, plen);
	blkfilter_put(flt);
	return ret;
}

/**
 * blkfilter_show - content of the device's sysfs file
 * @bdev: the device
 * @buf: a page
 *
 * Return: bytes put to @buf: the filter's name or nothing, and a newline.
 */
ssize_t blkfilter_show(struct block_device *bdev, char *buf)
{
	struct blkfilter *flt;
	ssize_t n;

	rcu_read_lock();
	flt = blkfilter_find(bdev);
	n = sysfs_emit(buf, "%s\n", flt ? flt->ops->name : "");
	rcu_read_unlock();
	return n;
}

/**
 * blkfilter_register - make a filter driver known
 * @ops: the driver; must stay until blkfilter_unregister()
 *
 * Return: 0; -EINVAL for a bad name or a missing operation, -EEXIST if the name is
 * taken.
 */
int blkfilter_register(struct blkfilter_operations *ops)
{
	int ret = 0;

	if (!ops->name || !*ops->name || !ops->attach || !ops->detach ||
	    !ops->submit_bio ||
	    strnlen(ops->name, BLKFILTER_NAME_LENGTH) == BLKFILTER_NAME_LENGTH)
		return -EINVAL;
	spin_lock(&filter_lock);
	if (filter_driver_find(ops->name))
		ret = -EEXIST;
	else
		list_add_tail(&ops->link, &filter_drivers);
	spin_unlock(&filter_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(blkfilter_register);

/* A device with a filter of this driver; it may be gone on return. */
static bool filter_driver_device(const struct blkfilter_operations *ops,
				 struct block_device **bdev,
				 struct gendisk **disk)
{
	struct blkfilter *flt;
	int bkt;

	spin_lock(&filter_lock);
	hash_for_each(blkfilters, bkt, flt, node) {
		if (flt->ops == ops) {
			*bdev = flt->bdev;
			*disk = flt->bdev->bd_disk;
			spin_unlock(&filter_lock);
			return true;
		}
	}
	spin_unlock(&filter_lock);
	return false;
}

/**
 * blkfilter_unregister - forget a filter driver
 * @ops: the driver
 *
 * Filters of it that are still attached are detached without being asked.
 */
void blkfilter_unregister(struct blkfilter_operations *ops)
{
	struct block_device *bdev;
	struct disk_claim claim;
	struct blkfilter *flt;
	struct gendisk *disk;

	spin_lock(&filter_lock);
	list_del(&ops->link);
	spin_unlock(&filter_lock);

	while (filter_driver_device(ops, &bdev, &disk)) {
		disk_claim(&claim, disk);
		flt = filter_find_claimed(bdev);
		if (flt && flt->ops == ops)
			filter_remove(flt);
		disk_unclaim(&claim);
	}
}
EXPORT_SYMBOL_GPL(blkfilter_unregister);
