/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_STACK_H
#define _BLKSNAP_STACK_H

#include <linux/list.h>
#include <linux/types.h>

struct block_device;
struct file;

/**
 * struct stack_device - a device that something stands on
 * @link: in a list, in the order in which they were found
 * @dev: number
 * @disk: number of the whole disk
 * @how: how it was reached, "/mnt/file on dm-1 on sda2"
 */
struct stack_device {
	struct list_head link;
	dev_t dev;
	dev_t disk;
	char how[];
};

int stack_of_file(const char *path, struct file *file, struct list_head *devices);
int stack_of_bdev(struct block_device *bdev, struct list_head *devices);
const struct stack_device *stack_find(const struct list_head *devices,
				      struct block_device *bdev);
void stack_free(struct list_head *devices);

int stack_init(void);
void stack_exit(void);

#endif /* _BLKSNAP_STACK_H */
