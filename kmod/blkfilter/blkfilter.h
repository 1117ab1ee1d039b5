/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKFILTER_H
#define _BLKFILTER_H

#include <linux/blk-filter.h>
#include <linux/rculist.h>

/* filter.c: registered drivers, attached filters */
int blkfilter_attach(struct block_device *bdev, const char *name,
		     const void *opt, u32 optlen);
int blkfilter_detach(struct block_device *bdev, const char *name);
long blkfilter_ctl(struct block_device *bdev, const char *name,
		   unsigned int cmd, u8 __user *buf, u32 *plen);
void blkfilter_device_gone(struct block_device *bdev);
ssize_t blkfilter_show(struct block_device *bdev, char *buf);
struct blkfilter *blkfilter_enter(struct bio *bio);

/* ioctl.c */
bool blkfilter_is_ioctl(unsigned int cmd);
long blkfilter_ioctl(struct block_device *bdev, unsigned int cmd,
		     void __user *argp);

/* device.c: the sysfs file, removal of devices */
int blkfilter_device_init(void);
void blkfilter_device_exit(void);

/* task.c: what each task is doing with filters */
void blkfilter_task_enter(struct blkfilter_task *t);
void blkfilter_task_exit(struct blkfilter_task *t);
bool blkfilter_task_skips(const struct blkfilter *flt, const struct bio *bio);

/* hook.c: the places in the kernel where all this is called from */
int blkfilter_hook_init(void);
void blkfilter_hook_exit(void);
void blkfilter_hook_ioctl_exit(void);
int blkfilter_hook_submit_get(void);
void blkfilter_hook_submit_put(void);

#endif /* _BLKFILTER_H */
