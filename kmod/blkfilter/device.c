// SPDX-License-Identifier: GPL-2.0
/*
 * Every disk and partition gets a file "filter" in sysfs, and its filter detached
 * when it goes away: both by an interface of the block class.
 */
#include <linux/device.h>
#include <linux/device/class.h>
#include "blkfilter.h"
#include "compat.h"

static ssize_t filter_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return blkfilter_show(dev_to_bdev(dev), buf);
}

static DEVICE_ATTR_RO(filter);

static int filter_add_dev(COMPAT_CLASS_INTF_ARGS)
{
	return device_create_file(dev, &dev_attr_filter);
}

static void filter_remove_dev(COMPAT_CLASS_INTF_ARGS)
{
	device_remove_file(dev, &dev_attr_filter);
	blkfilter_device_gone(dev_to_bdev(dev));
}

static struct class_interface filter_class_intf = {
	.add_dev = filter_add_dev,
	.remove_dev = filter_remove_dev,
};

/**
 * blkfilter_device_init - begin to follow the disks and partitions
 *
 * Return: 0 or a negative errno.
 */
int blkfilter_device_init(void)
{
	struct gendisk *disk;

	/* The block class is not exported: take it from a disk. */
	disk = compat_alloc_disk();
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	filter_class_intf.class = disk_to_dev(disk)->class;
	put_disk(disk);
	return class_interface_register(&filter_class_intf);
}

/**
 * blkfilter_device_exit - forget them, detaching what is still attached
 */
void blkfilter_device_exit(void)
{
	class_interface_unregister(&filter_class_intf);
}
