// SPDX-License-Identifier: GPL-2.0
/* Filters that count what they see, for tests of the mechanism. */
#include <linux/bio.h>
#include <linux/blk-filter.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include "t_filter.h"

struct t_filter {
	struct blkfilter flt;
	struct t_stat __percpu *stat;
	u32 mode;
	u8 *map;
	struct work_struct work;
	spinlock_t lock;	/* for later */
	struct bio_list later;
};

static struct bio_set t_bios;
static struct blkfilter_operations t_count, t_writes;

static bool match_other(struct blkfilter *flt, void *self)
{
	return flt != self;
}

static void count_range(struct t_filter *f, struct bio *bio)
{
	sector_t first = blkfilter_bio_sector(&f->flt, bio);
	sector_t end = first + bio_sectors(bio);
	u64 block;

	if (end > bdev_nr_sectors(f->flt.bdev)) {
		this_cpu_inc(f->stat->outside);
		return;
	}
	for (block = first >> 3; block < min_t(u64, DIV_ROUND_UP(end, 8), T_BLOCKS);
	     block++)
		f->map[block]++;
}

static void count(struct t_filter *f, struct bio *bio)
{
	struct t_stat __percpu *stat = f->stat;

	this_cpu_inc(stat->bios);
	if (current->bio_list)
		this_cpu_inc(stat->in_list);
	if (blkfilter_passing(match_other, &f->flt))
		this_cpu_inc(stat->nested);
	if (!op_is_write(bio_op(bio)))
		return;
	if (bio->bi_opf & REQ_PREFLUSH)
		this_cpu_inc(stat->flushes);
	if (bio->bi_opf & REQ_FUA)
		this_cpu_inc(stat->fuas);
	if (bio->bi_opf & REQ_NOWAIT)
		this_cpu_inc(stat->nowaits);
	if (!bio_sectors(bio))
		return;
	switch (bio_op(bio)) {
	case REQ_OP_DISCARD:
	case REQ_OP_SECURE_ERASE:
		this_cpu_inc(stat->discards);
		break;
	case REQ_OP_WRITE_ZEROES:
		this_cpu_inc(stat->zeroes);
		break;
	default:
		this_cpu_inc(stat->writes);
		this_cpu_add(stat->sectors, bio_sectors(bio));
	}
	count_range(f, bio);
}

/* As a copy-on-write would. */
static void read_before(struct t_filter *f, struct bio *bio, bool guarded)
{
	struct blkfilter_task guard;
	struct page *page;
	struct bio *own;
	int err;

	if (!bio_sectors(bio))
		return;
	page = alloc_page(GFP_NOIO);
	if (!page)
		return;
	own = bio_alloc_bioset(f->flt.bdev, 1, REQ_OP_READ, GFP_NOIO,
			       guarded ? &fs_bio_set : &t_bios);
	own->bi_iter.bi_sector = blkfilter_bio_sector(&f->flt, bio);
	__bio_add_page(own, page,
		       min_t(u32, bio_sectors(bio) << SECTOR_SHIFT, PAGE_SIZE), 0);
	if (guarded)
		blkfilter_guard_enter(&guard, f->flt.ops);
	err = submit_bio_wait(own);
	if (guarded)
		blkfilter_guard_exit(&guard);
	this_cpu_inc(f->stat->own);
	if (err)
		this_cpu_inc(f->stat->own_errors);
	bio_put(own);
	__free_page(page);
}

static void pass_later(struct work_struct *work)
{
	struct t_filter *f = container_of(work, struct t_filter, work);
	struct bio *bio;

	for (;;) {
		spin_lock_irq(&f->lock);
		bio = bio_list_pop(&f->later);
		spin_unlock_irq(&f->lock);
		if (!bio)
			return;
		blkfilter_pass(&f->flt, bio);
		blkfilter_put(&f->flt);
	}
}

static bool t_submit_bio(struct blkfilter *flt, struct bio *bio)
{
	struct t_filter *f = container_of(flt, struct t_filter, flt);
	u32 mode = READ_ONCE(f->mode);

	count(f, bio);
	if (!op_is_write(bio_op(bio)))
		return false;
	if (bio->bi_opf & REQ_NOWAIT) {
		if (!(mode & T_MODE_NOWAIT))
			return false;
		bio_wouldblock_error(bio);
		return true;
	}
	if (mode & T_MODE_DELAY)
		usleep_range(500, 1500);
	if (mode & (T_MODE_OWN_BIO | T_MODE_GUARD))
		read_before(f, bio, mode & T_MODE_GUARD);
	if (!(mode & T_MODE_LATER))
		return false;
	blkfilter_get(flt);
	spin_lock_irq(&f->lock);
	bio_list_add(&f->later, bio);
	spin_unlock_irq(&f->lock);
	queue_work(system_unbound_wq, &f->work);
	return true;
}

static void t_free(struct t_filter *f)
{
	free_percpu(f->stat);
	vfree(f->map);
	kfree(f);
}

static struct blkfilter *t_attach(struct block_device *bdev, const void *opt,
				  u32 optlen)
{
	struct t_filter *f;

	if (optlen && optlen != sizeof(u32))
		return ERR_PTR(-EINVAL);
	f = kzalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->stat = alloc_percpu(struct t_stat);
	f->map = vzalloc(T_BLOCKS);
	if (!f->stat || !f->map) {
		t_free(f);
		return ERR_PTR(-ENOMEM);
	}
	INIT_WORK(&f->work, pass_later);
	spin_lock_init(&f->lock);
	bio_list_init(&f->later);
	if (opt && (*(u32 *)opt & T_OPT_WHOLE_DISK))
		f->flt.flags |= BLKFILTER_WHOLE_DISK;
	return &f->flt;
}

static int t_prepare_detach(struct blkfilter *flt)
{
	struct t_filter *f = container_of(flt, struct t_filter, flt);

	return READ_ONCE(f->mode) & T_MODE_STAY ? -EBUSY : 0;
}

static void t_detach(struct blkfilter *flt)
{
	struct t_filter *f = container_of(flt, struct t_filter, flt);

	flush_work(&f->work);
	t_free(f);
}

static long t_stat(struct t_filter *f, u8 __user *buf, u32 len)
{
	struct t_stat sum = {};
	unsigned int i;
	int cpu;

	if (len < sizeof(sum))
		return -EINVAL;
	for_each_possible_cpu(cpu)
		for (i = 0; i < sizeof(sum) / sizeof(u64); i++)
			((u64 *)&sum)[i] += ((u64 *)per_cpu_ptr(f->stat, cpu))[i];
	return copy_to_user(buf, &sum, sizeof(sum)) ? -EFAULT : 0;
}

static long t_ctl(struct blkfilter *flt, unsigned int cmd, u8 __user *buf,
		  u32 *plen)
{
	struct t_filter *f = container_of(flt, struct t_filter, flt);
	u32 mode;
	int cpu;

	switch (cmd) {
	case T_CMD_STAT:
		return t_stat(f, buf, *plen);
	case T_CMD_MODE:
		if (*plen != sizeof(mode))
			return -EINVAL;
		if (copy_from_user(&mode, buf, sizeof(mode)))
			return -EFAULT;
		WRITE_ONCE(f->mode, mode);
		return 0;
	case T_CMD_CLEAR:
		for_each_possible_cpu(cpu)
			memset(per_cpu_ptr(f->stat, cpu), 0, sizeof(struct t_stat));
		memset(f->map, 0, T_BLOCKS);
		return 0;
	case T_CMD_MAP:
		if (*plen != T_BLOCKS)
			return -EINVAL;
		return copy_to_user(buf, f->map, T_BLOCKS) ? -EFAULT : T_BLOCKS;
	case T_CMD_SHORTEN:
		*plen = 1;
		return 0;
	case T_CMD_SLEEP:
		msleep(300);
		return 0;
	default:
		return -ENOTTY;
	}
}

#define T_OPERATIONS				\
	.owner = THIS_MODULE,			\
	.bio_set = &t_bios,			\
	.attach = t_attach,			\
	.prepare_detach = t_prepare_detach,	\
	.detach = t_detach,			\
	.ctl = t_ctl,				\
	.submit_bio = t_submit_bio

static struct blkfilter_operations t_count = {
	.name = T_FILTER_COUNT,
	T_OPERATIONS,
};

static struct blkfilter_operations t_writes = {
	.name = T_FILTER_WRITES,
	.flags = BLKFILTER_WRITES_ONLY,
	T_OPERATIONS,
};

/* What a driver can do wrong when it registers. */
static int check_register(void)
{
	struct blkfilter_operations taken = t_count, bad = t_count;
	static const char long_name[] = "0123456789012345678901234567890123";

	if (blkfilter_register(&taken) != -EEXIST) {
		pr_err("t_filter: a taken name was not refused\n");
		return -EINVAL;
	}
	bad.name = long_name;
	if (blkfilter_register(&bad) != -EINVAL) {
		pr_err("t_filter: a long name was not refused\n");
		return -EINVAL;
	}
	bad.name = "";
	if (blkfilter_register(&bad) != -EINVAL) {
		pr_err("t_filter: an empty name was not refused\n");
		return -EINVAL;
	}
	return 0;
}

static int __init t_init(void)
{
	int ret;

	ret = bioset_init(&t_bios, 16, 0, BIOSET_NEED_BVECS);
	if (ret)
		return ret;
	ret = blkfilter_register(&t_count);
	if (ret)
		goto bios;
	ret = check_register();
	if (!ret)
		ret = blkfilter_register(&t_writes);
	if (!ret)
		return 0;
	blkfilter_unregister(&t_count);
bios:
	bioset_exit(&t_bios);
	return ret;
}

static void __exit t_exit(void)
{
	blkfilter_unregister(&t_writes);
	blkfilter_unregister(&t_count);
	bioset_exit(&t_bios);
}

module_init(t_init);
module_exit(t_exit);
MODULE_DESCRIPTION("Counting filters, for tests");
MODULE_LICENSE("GPL");
