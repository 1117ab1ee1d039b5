// SPDX-License-Identifier: GPL-2.0
/*
 * What a file or a device stands on: all devices below it, down to the last. What is below
 * dm, md and loop, and which devices a btrfs has, is private to their drivers, but sysfs shows
 * it. So a mount of that is kept, which user space does not see.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/uuid.h>
#include "compat.h"
#include "stack.h"

/* Longest name in sysfs that is asked for. */
#define SYSFS_PATH_MAX	256

static struct vfsmount *sysfs;

/*
 * sysfs.
 */

/* Reads a file with one line; -ENOENT if there is none. */
static int sysfs_read(const char *path, char *buf, size_t size)
{
	struct file *file = file_open_root_mnt(sysfs, path, O_RDONLY, 0);
	loff_t pos = 0;
	ssize_t n;

	if (IS_ERR(file))
		return PTR_ERR(file);
	n = kernel_read(file, buf, size - 1, &pos);
	fput(file);
	if (n < 0)
		return n;
	buf[n] = '\0';
	strim(buf);
	return 0;
}

static int sysfs_read_dev(const char *path, dev_t *dev)
{
	unsigned int major, minor;
	char text[32];
	int ret;

	ret = sysfs_read(path, text, sizeof(text));
	if (ret)
		return ret;
	if (sscanf(text, "%u:%u", &major, &minor) != 2)
		return -EINVAL;
	*dev = MKDEV(major, minor);
	return 0;
}

/* A device that went away just now is no matter; any other error is one. */
static bool is_gone(int error)
{
	return error == -ENOENT || error == -ENODEV;
}

/*
 * The devices found.
 */

static bool stack_knows(const struct list_head *devices, dev_t dev)
{
	const struct stack_device *sd;

	list_for_each_entry(sd, devices, link)
		if (sd->dev == dev)
			return true;
	return false;
}

static int stack_add(struct list_head *devices, dev_t dev, const char *above, const char *name)
{
	char path[SYSFS_PATH_MAX], number[16];
	struct stack_device *sd;
	size_t size;
	int ret;

	if (stack_knows(devices, dev))
		return 0;
	size = strlen(above) + strlen(" on ") + strlen(name) + 1;
	sd = kmalloc(struct_size(sd, how, size), GFP_KERNEL);
	if (!sd)
		return -ENOMEM;
	snprintf(sd->how, size, "%s%s%s", above, *above ? " on " : "", name);
	sd->dev = dev;
	sd->disk = dev;
	list_add_tail(&sd->link, devices);
	/* The directory above that of a partition is its disk's. */
	snprintf(path, sizeof(path), "dev/block/%u:%u/partition", MAJOR(dev), MINOR(dev));
	ret = sysfs_read(path, number, sizeof(number));
	if (!ret) {
		snprintf(path, sizeof(path), "dev/block/%u:%u/../dev", MAJOR(dev), MINOR(dev));
		ret = sysfs_read_dev(path, &sd->disk);
	}
	return is_gone(ret) ? 0 : ret;
}

static int stack_add_bdev(struct list_head *devices, struct block_device *bdev, const char *above)
{
	char name[BDEVNAME_SIZE * 2];

	snprintf(name, sizeof(name), "%pg", bdev);
	return stack_add(devices, bdev->bd_dev, above, name);
}

/**
 * struct link_name - a link in a directory of sysfs
 * @link: in the list of all of them
 * @name: of it, and so of the device to which it leads
 */
struct link_name {
	struct list_head link;
	char name[];
};

/**
 * struct link_names - all links of a directory
 * @ctx: of the iteration
 * @names: struct link_name
 * @error: of adding one
 */
struct link_names {
	struct dir_context ctx;
	struct list_head names;
	int error;
};

/* The directory is locked: what its links lead to is looked at afterwards. */
static bool link_names_add(struct dir_context *ctx, const char *name, int len, loff_t pos,
			   u64 ino, unsigned int type)
{
	struct link_names *links = container_of(ctx, struct link_names, ctx);
	struct link_name *entry;

	if (*name == '.')
		return true;
	entry = kzalloc(struct_size(entry, name, len + 1), GFP_KERNEL);
	if (!entry) {
		links->error = -ENOMEM;
		return false;
	}
	memcpy(entry->name, name, len);
	list_add_tail(&entry->link, &links->names);
	return true;
}

static int links_list(const char *path, struct link_names *links)
{
	struct file *file = file_open_root_mnt(sysfs, path, O_RDONLY | O_DIRECTORY, 0);
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file) == -ENOENT ? 0 : PTR_ERR(file);
	ret = iterate_dir(file, &links->ctx);
	fput(file);
	return ret ?: links->error;
}

/* Adds the devices to which links in a directory lead, if there is such a directory. */
static int stack_add_dir(struct list_head *devices, const char *dir, const char *above)
{
	struct link_names links = {
		.ctx.actor = link_names_add,
		.names = LIST_HEAD_INIT(links.names),
	};
	struct link_name *entry, *next;
	char path[SYSFS_PATH_MAX];
	dev_t dev;
	int ret;

	ret = links_list(dir, &links);
	list_for_each_entry_safe(entry, next, &links.names, link) {
		snprintf(path, sizeof(path), "%s/%s/dev", dir, entry->name);
		if (!ret)
			ret = sysfs_read_dev(path, &dev) ?:
				stack_add(devices, dev, above, entry->name);
		if (is_gone(ret))
			ret = 0;
		kfree(entry);
	}
	return ret;
}

/* Adds the devices of the filesystem that a file is on. */
static int stack_add_inode(struct list_head *devices, struct inode *inode, const char *above)
{
	struct super_block *sb = inode->i_sb;
	char path[SYSFS_PATH_MAX];

	if (sb->s_bdev)
		return stack_add_bdev(devices, sb->s_bdev, above);
	if (sb->s_magic != BTRFS_SUPER_MAGIC)
		return 0;
	snprintf(path, sizeof(path), "fs/btrfs/%pU/devices", &sb->s_uuid);
	return stack_add_dir(devices, path, above);
}

/* Whether the kernel says of a path that the file is not there any more. */
static bool was_deleted(const char *path)
{
	static const char mark[] = " (deleted)";
	size_t len = strlen(path);

	return len >= strlen(mark) && !strcmp(path + len - strlen(mark), mark);
}

/*
 * What a loop device reads may be a device itself. A file that was deleted had been in the
 * directory that its path names. One that is merely not found is in another mount namespace, or
 * something is mounted over it: then the directory says nothing of it.
 */
static int stack_add_backing(struct list_head *devices, char *file, const char *above)
{
	struct inode *inode;
	struct path at;
	char *how, *end;
	int ret;

	how = kasprintf(GFP_KERNEL, "%s on %s", above, file);
	if (!how)
		return -ENOMEM;
	ret = kern_path(file, 0, &at);
	end = strrchr(file, '/');
	if (ret && end && was_deleted(file)) {
		end[end == file] = '\0';
		ret = kern_path(file, 0, &at);
	}
	if (ret) {
		pr_warn("%s: cannot be found, nor what it lies on: error %d\n", how, ret);
		kfree(how);
		return 0;
	}
	inode = d_real_inode(at.dentry);
	if (S_ISBLK(inode->i_mode))
		ret = stack_add(devices, inode->i_rdev, above, file);
	else
		ret = stack_add_inode(devices, inode, how);
	path_put(&at);
	kfree(how);
	return ret;
}

/* Adds what one device stands on. */
static int stack_descend(struct list_head *devices, const struct stack_device *sd)
{
	char path[SYSFS_PATH_MAX], *file;
	int ret;

	snprintf(path, sizeof(path), "dev/block/%u:%u/slaves", MAJOR(sd->disk), MINOR(sd->disk));
	ret = stack_add_dir(devices, path, sd->how);
	if (ret)
		return ret;
	file = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!file)
		return -ENOMEM;
	snprintf(path, sizeof(path), "dev/block/%u:%u/loop/backing_file", MAJOR(sd->disk),
		 MINOR(sd->disk));
	ret = sysfs_read(path, file, PATH_MAX);
	if (!ret)
		ret = stack_add_backing(devices, file, sd->how);
	/* Names may be longer than fits: what is written there shows where it is. */
	else if (is_gone(ret) || ret == -ENAMETOOLONG)
		ret = 0;
	kfree(file);
	return ret;
}

/*
 * What is found is added at the end, so that it is come to in its turn. Nothing is left of what
 * was found if anything failed, @ret before.
 */
static int stack_descend_all(struct list_head *devices, int ret)
{
	struct stack_device *sd;

	list_for_each_entry(sd, devices, link) {
		if (ret)
			break;
		ret = stack_descend(devices, sd);
	}
	if (ret)
		stack_free(devices);
	return ret;
}

/**
 * stack_of_file - find all devices that a file stands on
 * @path: name for it
 * @file: the file
 * @devices: an empty list, takes struct stack_device
 *
 * It sees through dm, md, loop, bcache, btrfs and overlayfs. What has no devices that this
 * kernel knows of, as a filesystem of a network, has none.
 *
 * Return: 0 or a negative errno.
 */
int stack_of_file(const char *path, struct file *file, struct list_head *devices)
{
	int ret = stack_add_inode(devices, d_real_inode(file->f_path.dentry), path);

	return stack_descend_all(devices, ret);
}

/**
 * stack_of_bdev - find a device and all those that it stands on
 * @bdev: the device
 * @devices: an empty list, takes struct stack_device
 *
 * Return: 0 or a negative errno.
 */
int stack_of_bdev(struct block_device *bdev, struct list_head *devices)
{
	int ret = stack_add_bdev(devices, bdev, "");

	return stack_descend_all(devices, ret);
}

/**
 * stack_find - find what shares sectors with a device
 * @devices: struct stack_device
 * @bdev: the device
 *
 * Return: the device itself, a partition of it or the disk that it is a partition of; or NULL.
 */
const struct stack_device *stack_find(const struct list_head *devices,
				      struct block_device *bdev)
{
	dev_t disk = bdev_whole(bdev)->bd_dev;
	const struct stack_device *sd;

	list_for_each_entry(sd, devices, link)
		if (sd->dev == bdev->bd_dev ||
		    (sd->disk == disk && (sd->dev == disk || bdev->bd_dev == disk)))
			return sd;
	return NULL;
}

void stack_free(struct list_head *devices)
{
	struct stack_device *sd, *next;

	list_for_each_entry_safe(sd, next, devices, link) {
		list_del(&sd->link);
		kfree(sd);
	}
}

int __init stack_init(void)
{
	struct file_system_type *type = get_fs_type("sysfs");

	/* Of the kernel itself, so that no reference to its module has to be given back. */
	if (!type)
		return -ENODEV;
	sysfs = kern_mount(type);
	return PTR_ERR_OR_ZERO(sysfs);
}

void stack_exit(void)
{
	kern_unmount(sysfs);
}
