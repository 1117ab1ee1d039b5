// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of block devices, both generations of them.
 */
#include <linux/build_bug.h>
#include <linux/capability.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/blk-filter.h>
#include "blkfilter.h"

static_assert(sizeof(struct blkfilter_name) == 32);
static_assert(sizeof(struct blkfilter_attach) == 48);
static_assert(offsetof(struct blkfilter_attach, opt) == 32);
static_assert(offsetof(struct blkfilter_attach, optlen) == 40);
static_assert(sizeof(struct blkfilter_ctl) == 48);
static_assert(offsetof(struct blkfilter_ctl, cmd) == 32);
static_assert(offsetof(struct blkfilter_ctl, optlen) == 36);
static_assert(offsetof(struct blkfilter_ctl, opt) == 40);
static_assert(BLKFILTER_ATTACH_V1 == 0xc020128c);
static_assert(BLKFILTER_DETACH_V1 == 0xc020128d);
static_assert(BLKFILTER_CTL_V1 == 0xc030128e);
static_assert(BLKFILTER_ATTACH == BLKFILTER_CTL_V1);
static_assert(BLKFILTER_DETACH == 0xc020128f);
static_assert(BLKFILTER_CTL == 0xc0301290);

/* The argument of whatever ioctl. */
union filter_arg {
	struct blkfilter_name name;
	struct blkfilter_attach attach;
	struct blkfilter_ctl ctl;
};

/*
 * An attach of the second generation and a command of the first share a number.
 * An attach without options has zeroes where a command has its number and its
 * length, which together are in error always. One with options has its length where
 * a command has its pointer: no pointer into the first page is ever valid.
 */
static bool is_attach(const union filter_arg *arg)
{
	if (!arg->attach.opt)
		return true;
	return arg->ctl.opt && arg->ctl.opt <= BLKFILTER_OPT_MAX &&
	       arg->attach.opt >= PAGE_SIZE;
}

static long ioctl_attach(struct block_device *bdev, const char *name, u64 opt,
			 u32 optlen)
{
	void *kopt = NULL;
	long ret;

	if (optlen) {
		kopt = memdup_user(u64_to_user_ptr(opt), optlen);
		if (IS_ERR(kopt))
			return PTR_ERR(kopt);
	}
	ret = blkfilter_attach(bdev, name, kopt, optlen);
	kfree(kopt);
	return ret;
}

static long ioctl_ctl(struct block_device *bdev, struct blkfilter_ctl *ctl,
		      struct blkfilter_ctl __user *argp)
{
	u32 len = ctl->optlen;
	long ret;

	ret = blkfilter_ctl(bdev, ctl->name, ctl->cmd,
			    u64_to_user_ptr(ctl->opt), &len);
	if (ret >= 0 && len != ctl->optlen && put_user(len, &argp->optlen))
		return -EFAULT;
	return ret;
}

/**
 * blkfilter_is_ioctl - whether an ioctl of a block device is for filters
 * @cmd: its number
 */
bool notrace blkfilter_is_ioctl(unsigned int cmd)
{
	switch (cmd) {
	case BLKFILTER_ATTACH_V1:
	case BLKFILTER_DETACH_V1:
	case BLKFILTER_ATTACH:
	case BLKFILTER_DETACH:
	case BLKFILTER_CTL:
		return true;
	default:
		return false;
	}
}

/**
 * blkfilter_ioctl - attach, detach or control the filter of a device
 * @bdev: the device
 * @cmd: one of those of blkfilter_is_ioctl()
 * @argp: user pointer to the argument
 *
 * Return: result of the ioctl or a negative errno; -EPERM without CAP_SYS_ADMIN.
 */
long blkfilter_ioctl(struct block_device *bdev, unsigned int cmd,
		     void __user *argp)
{
	union filter_arg arg;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(&arg, argp, _IOC_SIZE(cmd)))
		return -EFAULT;

	switch (cmd) {
	case BLKFILTER_ATTACH_V1:
		return ioctl_attach(bdev, arg.name.name, 0, 0);
	case BLKFILTER_ATTACH:
		if (is_attach(&arg))
			return ioctl_attach(bdev, arg.attach.name,
					    arg.attach.opt,
					    arg.attach.opt ? arg.attach.optlen : 0);
		fallthrough;
	case BLKFILTER_CTL:
		return ioctl_ctl(bdev, &arg.ctl, argp);
	case BLKFILTER_DETACH_V1:
	case BLKFILTER_DETACH:
		return blkfilter_detach(bdev, arg.name.name);
	default:
		return -ENOTTY;
	}
}
