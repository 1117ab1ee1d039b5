// SPDX-License-Identifier: GPL-2.0
/*
 * Module parameters, checked when they are written.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include "params.h"

/**
 * struct param - a number with bounds, either fixed or another parameter
 * @value: what is in effect
 * @min: least value
 * @max: greatest value
 * @not_below: if set, the value must not be below that parameter's
 * @not_above: if set, the value must not be above that parameter's
 */
struct param {
	unsigned int value;
	unsigned int min;
	unsigned int max;
	const struct param *not_below;
	const struct param *not_above;
};

static int param_set(const char *val, const struct kernel_param *kp)
{
	struct param *p = kp->arg;
	unsigned int min = p->min, max = p->max, value;
	int ret;

	ret = kstrtouint(val, 0, &value);
	if (ret)
		return ret;
	if (p->not_below)
		min = max(min, READ_ONCE(p->not_below->value));
	if (p->not_above)
		max = min(max, READ_ONCE(p->not_above->value));
	if (value < min || value > max) {
		pr_err("parameter %s: %u is not within %u..%u\n", kp->name, value, min, max);
		return -EINVAL;
	}
	WRITE_ONCE(p->value, value);
	return 0;
}

static int param_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(((struct param *)kp->arg)->value));
}

static const struct kernel_param_ops param_ops = {
	.set = param_set,
	.get = param_get,
};

static struct param tracking_block_minimum_shift, tracking_block_maximum_shift;
static struct param chunk_minimum_shift, chunk_maximum_shift, copy_unit_shift;

static struct param tracking_block_minimum_shift = {
	.value = 16, .min = 9, .max = 30, .not_above = &tracking_block_maximum_shift,
};
module_param_cb(tracking_block_minimum_shift, &param_ops, &tracking_block_minimum_shift, 0644);
MODULE_PARM_DESC(tracking_block_minimum_shift, "Smallest tracking block, log2 of bytes (default 16)");

unsigned int param_tracking_block_minimum_shift(void)
{
	return READ_ONCE(tracking_block_minimum_shift.value);
}

static struct param tracking_block_maximum_shift = {
	.value = 26, .min = 9, .max = 30, .not_below = &tracking_block_minimum_shift,
};
module_param_cb(tracking_block_maximum_shift, &param_ops, &tracking_block_maximum_shift, 0644);
MODULE_PARM_DESC(tracking_block_maximum_shift, "Largest tracking block, log2 of bytes (default 26)");

unsigned int param_tracking_block_maximum_shift(void)
{
	return READ_ONCE(tracking_block_maximum_shift.value);
}

static struct param tracking_block_maximum_count = {
	.value = 2097152, .min = 1, .max = 1U << 30,
};
module_param_cb(tracking_block_maximum_count, &param_ops, &tracking_block_maximum_count, 0644);
MODULE_PARM_DESC(tracking_block_maximum_count, "Most tracking blocks of a device, unless they grew too large (default 2097152)");

unsigned int param_tracking_block_maximum_count(void)
{
	return READ_ONCE(tracking_block_maximum_count.value);
}

static struct param chunk_minimum_shift = {
	.value = 18, .min = PAGE_SHIFT, .max = 26, .not_above = &chunk_maximum_shift,
	.not_below = &copy_unit_shift,
};
module_param_cb(chunk_minimum_shift, &param_ops, &chunk_minimum_shift, 0644);
MODULE_PARM_DESC(chunk_minimum_shift, "Smallest chunk, log2 of bytes (default 18)");

unsigned int param_chunk_minimum_shift(void)
{
	return READ_ONCE(chunk_minimum_shift.value);
}

static struct param chunk_maximum_shift = {
	.value = 26, .min = PAGE_SHIFT, .max = 26, .not_below = &chunk_minimum_shift,
};
module_param_cb(chunk_maximum_shift, &param_ops, &chunk_maximum_shift, 0644);
MODULE_PARM_DESC(chunk_maximum_shift, "Largest chunk, log2 of bytes (default 26)");

unsigned int param_chunk_maximum_shift(void)
{
	return READ_ONCE(chunk_maximum_shift.value);
}

static struct param chunk_maximum_count_shift = {
	.value = 40, .min = 1, .max = 54,
};
module_param_cb(chunk_maximum_count_shift, &param_ops, &chunk_maximum_count_shift, 0644);
MODULE_PARM_DESC(chunk_maximum_count_shift, "Most chunks of a device, log2, unless they grew too large (default 40)");

unsigned int param_chunk_maximum_count_shift(void)
{
	return READ_ONCE(chunk_maximum_count_shift.value);
}

static struct param chunk_maximum_in_queue = {
	.value = 256, .min = 1, .max = 65536,
};
module_param_cb(chunk_maximum_in_queue, &param_ops, &chunk_maximum_in_queue, 0644);
MODULE_PARM_DESC(chunk_maximum_in_queue, "Chunks' worth of copies of a snapshot that may wait for being stored (default 256)");

unsigned int param_chunk_maximum_in_queue(void)
{
	return READ_ONCE(chunk_maximum_in_queue.value);
}

static struct param copy_unit_shift = {
	.value = 12, .min = PAGE_SHIFT, .max = 18, .not_above = &chunk_minimum_shift,
};
module_param_cb(copy_unit_shift, &param_ops, &copy_unit_shift, 0644);
MODULE_PARM_DESC(copy_unit_shift, "What is overwritten is copied aside in multiples of this, log2 of bytes (default 12)");

unsigned int param_copy_unit_shift(void)
{
	return READ_ONCE(copy_unit_shift.value);
}

static struct param diff_storage_minimum = {
	.value = 2097152, .min = 2048, .max = 1U << 31,
};
module_param_cb(diff_storage_minimum, &param_ops, &diff_storage_minimum, 0644);
MODULE_PARM_DESC(diff_storage_minimum, "Sectors by which a difference storage in a file grows (default 2097152)");

unsigned int param_diff_storage_minimum(void)
{
	return READ_ONCE(diff_storage_minimum.value);
}

static u64 block_count(u64 bytes, unsigned int shift)
{
	return (bytes >> shift) + !!(bytes & ((1ULL << shift) - 1));
}

/**
 * param_block_shift - size of the blocks that a device is divided into
 * @bytes: of the device
 * @min_shift: log2 of the smallest size
 * @max_shift: log2 of the largest size, which goes before the count
 * @max_count: blocks that there shall be at most
 *
 * Blocks of any device can be counted in 32 bits, whatever @max_shift says.
 *
 * Return: log2 of the size.
 */
unsigned int param_block_shift(u64 bytes, unsigned int min_shift,
			       unsigned int max_shift, u64 max_count)
{
	unsigned int shift = min_shift;

	while (block_count(bytes, shift) > (shift < max_shift ? min(max_count, U32_MAX) : U32_MAX))
		shift++;
	return shift;
}
