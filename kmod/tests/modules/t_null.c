// SPDX-License-Identifier: GPL-2.0
/* A filter that does nothing, to measure what the mechanism itself costs. */
#include <linux/blk-filter.h>
#include <linux/module.h>
#include <linux/slab.h>

static struct blkfilter *t_attach(struct block_device *bdev, const void *opt,
				  u32 optlen)
{
	return kzalloc(sizeof(struct blkfilter), GFP_KERNEL) ?: ERR_PTR(-ENOMEM);
}

static void t_detach(struct blkfilter *flt)
{
	kfree(flt);
}

static bool t_submit_bio(struct blkfilter *flt, struct bio *bio)
{
	return false;
}

static struct blkfilter_operations t_null = {
	.owner = THIS_MODULE,
	.name = "t-null",
	.flags = BLKFILTER_WRITES_ONLY,
	.attach = t_attach,
	.detach = t_detach,
	.submit_bio = t_submit_bio,
};

static int __init t_init(void)
{
	return blkfilter_register(&t_null);
}

static void __exit t_exit(void)
{
	blkfilter_unregister(&t_null);
}

module_init(t_init);
module_exit(t_exit);
MODULE_DESCRIPTION("A filter that does nothing, for measuring");
MODULE_LICENSE("GPL");
