// SPDX-License-Identifier: GPL-2.0
/*
 * The difference storage: where it is, and which of its sectors are free. Space
 * is given out from the front to the back, so copies that are made one after the
 * other lie one behind the other; space that comes free is used again first.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/namei.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "diff_storage.h"
#include "params.h"
#include "probe.h"
#include "stack.h"

/* The least by which it is worth while to grow: 1 MiB, which is whole units of any size. */
#define GROW_LEAST	((sector_t)2048)

/**
 * struct space - free sectors that were used before
 * @node: in the tree
 * @sector: first of them
 * @count: how many
 */
struct space {
	struct rb_node node;
	sector_t sector;
	sector_t count;
};

/*
 * Space.
 */

static struct space *space_entry(struct rb_node *node)
{
	return rb_entry_safe(node, struct space, node);
}

static bool storage_wants_growth(struct diff_storage *s)
{
	return s->file && !s->growing && !s->grow_error && s->allocated < s->limit;
}

static void storage_check_watermark(struct diff_storage *s)
{
	if (!s->watermark || s->used < s->watermark)
		return;
	s->watermark = 0;
	s->watermark_event.data.watermark.used_sect = s->used;
	s->watermark_event.data.watermark.limit_sect = s->limit;
	event_queue_push(s->events, &s->watermark_event, BLKSNAP_EVENT_CODE_WATERMARK);
}

/**
 * diff_storage_alloc - take space
 * @s: the storage
 * @want: sectors, as many as could be used; whole units
 * @at: if not zero, the only sector that the space may begin at
 * @sector: first sector of the space
 *
 * Return: sectors that were found in one piece, at most @want; 0 for none.
 */
sector_t diff_storage_alloc(struct diff_storage *s, sector_t want, sector_t at,
			    sector_t *sector)
{
	struct space *space, *used_up = NULL;
	sector_t count = 0;

	spin_lock_irq(&s->lock);
	space = space_entry(rb_first(&s->freed));
	*sector = space ? space->sector : s->next;
	if (at && at != *sector)
		goto unlock;
	count = min(want, space ? space->count : s->allocated - s->next);
	if (space) {
		space->sector += count;
		space->count -= count;
		if (!space->count) {
			rb_erase(&space->node, &s->freed);
			used_up = space;
		}
	} else {
		s->next += count;
	}
	s->used += count;
	storage_check_watermark(s);
	if (s->allocated - s->used < s->portion / 2 && storage_wants_growth(s)) {
		s->growing = true;
		queue_work(s->wq, &s->grow_work);
	}
unlock:
	spin_unlock_irq(&s->lock);
	if (unlikely(used_up))
		kfree(used_up);
	return count;
}

/* Puts @space into the tree, merged with its neighbours; returns what to kfree. */
static struct space *space_insert(struct rb_root *root, struct space *space)
{
	struct rb_node **p = &root->rb_node, *parent = NULL;
	struct space *prev = NULL, *next = NULL;

	while (*p) {
		struct space *other = space_entry(*p);

		parent = *p;
		if (space->sector < other->sector) {
			next = other;
			p = &parent->rb_left;
		} else {
			prev = other;
			p = &parent->rb_right;
		}
	}
	if (next && space->sector + space->count == next->sector) {
		next->sector = space->sector;
		next->count += space->count;
		if (!prev || prev->sector + prev->count != next->sector)
			return space;
		prev->count += next->count;
		rb_erase(&next->node, root);
		kfree(space);
		return next;
	}
	if (prev && prev->sector + prev->count == space->sector) {
		prev->count += space->count;
		return space;
	}
	rb_link_node(&space->node, parent, p);
	rb_insert_color(&space->node, root);
	return NULL;
}

/**
 * diff_storage_free - give space back
 * @s: the storage
 * @sector: first sector; nobody reads or writes there any more
 * @count: sectors
 *
 * For want of memory it may stay unused until the snapshot is destroyed.
 */
void diff_storage_free(struct diff_storage *s, sector_t sector, sector_t count)
{
	struct space *space, *unused = NULL;
	unsigned long flags;

	if (!count)
		return;
	space = kmalloc(sizeof(*space), GFP_NOIO | __GFP_NOWARN);
	if (space) {
		space->sector = sector;
		space->count = count;
	}
	spin_lock_irqsave(&s->lock, flags);
	if (space) {
		unused = space_insert(&s->freed, space);
		s->used -= count;
	}
	spin_unlock_irqrestore(&s->lock, flags);
	kfree(unused);
}

/**
 * diff_storage_no_space - tell that space was wanted in vain
 * @s: the storage
 * @size: sectors that it would have had to have
 */
void diff_storage_no_space(struct diff_storage *s, sector_t size)
{
	unsigned long flags;

	spin_lock_irqsave(&s->lock, flags);
	if (s->no_space_event.data.no_space.requested_nr_sect) {
		spin_unlock_irqrestore(&s->lock, flags);
		return;
	}
	s->no_space_event.data.no_space.requested_nr_sect = size;
	spin_unlock_irqrestore(&s->lock, flags);
	pr_err("difference storage is full: %llu of at most %llu sectors are allocated, %llu are needed\n",
	       (u64)s->allocated, (u64)s->limit, (u64)size);
	event_queue_push(s->events, &s->no_space_event, BLKSNAP_EVENT_CODE_NO_SPACE);
}

void diff_storage_set_watermark(struct diff_storage *s, sector_t used)
{
	unsigned long flags;

	spin_lock_irqsave(&s->lock, flags);
	s->watermark = used;
	storage_check_watermark(s);
	spin_unlock_irqrestore(&s->lock, flags);
}

/**
 * diff_storage_stat - how much there is of the storage, and in use
 * @s: the storage
 * @stat: takes it
 */
void diff_storage_stat(struct diff_storage *s, struct blksnap_snapshot_stat *stat)
{
	unsigned long flags;

	spin_lock_irqsave(&s->lock, flags);
	stat->limit_sect = s->limit;
	stat->allocated_sect = s->allocated;
	/* What has no space yet will have it, or corrupt the snapshot. */
	stat->used_sect = min(s->used + s->waiting, s->allocated);
	spin_unlock_irqrestore(&s->lock, flags);
}

/*
 * Pages of a file in memory.
 */

/**
 * diff_storage_get_pages - take space and the pages that are there
 * @s: the storage
 * @bvec: pages, locked; whoever has them fills them
 * @nr: how many are wanted
 * @sector: where they are
 *
 * Return: pages that were found, all in one piece and whole units; 0 for none, then
 * what is to be stored has to wait in memory of its own.
 */
unsigned int diff_storage_get_pages(struct diff_storage *s, struct bio_vec *bvec,
				    unsigned int nr, sector_t *sector)
{
	unsigned int unit_pages = 1U << (s->unit_shift + SECTOR_SHIFT - PAGE_SHIFT);
	unsigned int noio, got = 0, whole;
	struct page *page;
	loff_t pos;
	int ret = 0;

	if (!READ_ONCE(s->in_place) || READ_ONCE(s->sparse))
		return 0;
	nr = diff_storage_alloc(s, (sector_t)nr << (PAGE_SHIFT - SECTOR_SHIFT), 0, sector) >>
		(PAGE_SHIFT - SECTOR_SHIFT);
	pos = (loff_t)*sector << SECTOR_SHIFT;
	noio = memalloc_noio_save();
	while (got < nr) {
		ret = compat_write_begin(s->file, pos + ((loff_t)got << PAGE_SHIFT), &page);
		if (ret)
			break;
		bvec_set_page(&bvec[got++], page, PAGE_SIZE, 0);
	}
	memalloc_noio_restore(noio);
	if (likely(got == nr))
		return nr;
	/* It could not be said who waits for whom, if copies had pages in common. */
	if (ret == -EOPNOTSUPP)
		WRITE_ONCE(s->in_place, false);
	whole = round_down(got, unit_pages);
	diff_storage_put_pages(s, &bvec[whole], got - whole,
			       *sector + (whole << (PAGE_SHIFT - SECTOR_SHIFT)), false);
	diff_storage_free(s, *sector + (whole << (PAGE_SHIFT - SECTOR_SHIFT)),
			  (nr - whole) << (PAGE_SHIFT - SECTOR_SHIFT));
	return whole;
}

/**
 * diff_storage_put_pages - the pages are not looked at any more
 * @s: the storage
 * @bvec: from diff_storage_get_pages()
 * @nr: how many
 * @sector: where the first is; the space is not given back
 * @filled: there is data in them
 */
void diff_storage_put_pages(struct diff_storage *s, struct bio_vec *bvec, unsigned int nr,
			    sector_t sector, bool filled)
{
	loff_t pos = (loff_t)sector << SECTOR_SHIFT;
	unsigned int i;

	for (i = 0; i < nr; i++)
		compat_write_end(s->file, pos + ((loff_t)i << PAGE_SHIFT), bvec[i].bv_page,
				 filled);
}

/**
 * diff_storage_read_pages - copy what is in memory to a bio
 * @s: a storage in memory
 * @bio: takes the data
 * @iter: where in the bio, and how much
 * @pos: where in the file, in bytes
 *
 * Return: bytes copied, up to the first page that is not in memory.
 */
unsigned int diff_storage_read_pages(struct diff_storage *s, struct bio *bio,
				     struct bvec_iter iter, loff_t pos)
{
	unsigned int done = 0, n;

	for (; iter.bi_size; done += n) {
		struct bio_vec bv = bio_iter_iovec(bio, iter);
		struct page *page = find_get_page(s->file->f_mapping,
						  (pos + done) >> PAGE_SHIFT);

		if (!page || !PageUptodate(page)) {
			if (page)
				put_page(page);
			break;
		}
		n = min_t(unsigned int, bv.bv_len, PAGE_SIZE - offset_in_page(pos + done));
		memcpy_page(bv.bv_page, bv.bv_offset, page, offset_in_page(pos + done), n);
		flush_dcache_page(bv.bv_page);
		put_page(page);
		bio_advance_iter_single(bio, &iter, n);
	}
	return done;
}

/*
 * Growth.
 */

/* Space comes in whole units only: what is left over would be of no use to anyone. */
static sector_t whole_units(const struct diff_storage *s, sector_t count)
{
	return round_down(count, 1ULL << s->unit_shift);
}

/* By how much to grow: in memory not by more than a quarter of what there is of it. */
static sector_t storage_portion(const struct diff_storage *s)
{
	sector_t portion = whole_units(s, param_diff_storage_minimum());

	if (s->in_memory) {
		sector_t available = max(si_mem_available(), 0L) << (PAGE_SHIFT - SECTOR_SHIFT);

		portion = min(portion, max(whole_units(s, available / 4), GROW_LEAST));
	}
	return portion;
}

/* Makes the file larger by a portion, or by what there is; returns sectors or an errno. */
static s64 storage_extend(struct diff_storage *s)
{
	sector_t count = min(s->portion, s->limit - s->allocated);
	loff_t end = (loff_t)s->allocated << SECTOR_SHIFT;
	int ret = 0;

	while (!s->sparse) {
		ret = vfs_fallocate(s->file, 0, end, (loff_t)count << SECTOR_SHIFT);
		if (!ret)
			break;
		if (ret == -EOPNOTSUPP && !s->allocated)
			s->sparse = true;
		else if ((ret == -ENOSPC || ret == -EFBIG || ret == -ENOMEM) && count > GROW_LEAST)
			count = max(whole_units(s, count / 2), GROW_LEAST);
		/* Memory that is not to be had ahead may be there when it is written. */
		else if (ret == -ENOMEM && s->in_memory)
			s->sparse = true;
		else
			return ret;
	}
	return count;
}

/**
 * struct first_extent - the first portion of a file
 * @work: allocates it
 * @storage: of the file
 * @result: of storage_extend()
 */
struct first_extent {
	struct work_struct work;
	struct diff_storage *storage;
	s64 result;
};

static void first_extent_work(struct work_struct *work)
{
	struct first_extent *first = container_of(work, struct first_extent, work);

	first->result = storage_extend(first->storage);
}

/*
 * Like later ones, the first portion is allocated by a worker: a task may have a signal
 * pending that it does not even see, as io_uring sends them, and tmpfs gives up then.
 */
static s64 storage_extend_first(struct diff_storage *s)
{
	struct first_extent first = { .storage = s };

	INIT_WORK_ONSTACK(&first.work, first_extent_work);
	queue_work(system_unbound_wq, &first.work);
	flush_work(&first.work);
	destroy_work_on_stack(&first.work);
	return first.result;
}

static void storage_grow_work(struct work_struct *work)
{
	struct diff_storage *s = container_of(work, struct diff_storage, grow_work);
	unsigned int noio = memalloc_noio_save();
	sector_t portion = storage_portion(s);
	s64 count;

	spin_lock_irq(&s->lock);
	s->portion = portion;
	spin_unlock_irq(&s->lock);
	count = storage_extend(s);
	memalloc_noio_restore(noio);
	if (count < 0)
		pr_err("difference storage cannot grow beyond %llu sectors, of at most %llu: error %lld\n",
		       (u64)s->allocated, (u64)s->limit, count);
	spin_lock_irq(&s->lock);
	if (count < 0)
		s->grow_error = count;
	else
		s->allocated += count;
	s->growing = false;
	spin_unlock_irq(&s->lock);
	store_kick(s);
}

/**
 * diff_storage_grow - see whether space can be expected
 * @s: a storage without space
 *
 * Return: true if there will be more; @s->store_work is queued then.
 */
bool diff_storage_grow(struct diff_storage *s)
{
	bool growing;

	spin_lock_irq(&s->lock);
	if (storage_wants_growth(s)) {
		s->growing = true;
		queue_work(s->wq, &s->grow_work);
	}
	growing = s->growing;
	/* It may have grown, for the last time, or been freed since space was looked for. */
	if (!growing && (s->next < s->allocated || !RB_EMPTY_ROOT(&s->freed))) {
		growing = true;
		store_kick(s);
	}
	spin_unlock_irq(&s->lock);
	return growing;
}

/*
 * Opening and closing.
 */

static int storage_open_file(struct diff_storage *s, const char *path, int flags)
{
	struct inode *inode;
	s64 count;

	s->file = filp_open(path, flags | O_RDWR | O_LARGEFILE, 0600);
	if (IS_ERR(s->file)) {
		int ret = PTR_ERR(s->file);

		s->file = NULL;
		return ret;
	}
	inode = file_inode(s->file);
	if (!S_ISREG(inode->i_mode))
		return -EINVAL;
	if (IS_SWAPFILE(inode))
		return -ETXTBSY;
	s->in_memory = inode->i_sb->s_magic == TMPFS_MAGIC;
	s->portion = storage_portion(s);
	if (!s->in_memory)
		compat_file_set_direct(s->file, compat_file_can_direct(s->file));
	s->allocated = min(whole_units(s, i_size_read(inode) >> SECTOR_SHIFT), s->limit);
	if (s->allocated)
		return 0;
	count = storage_extend_first(s);
	if (count < 0)
		return count;
	s->allocated = count;
	/* Of a file that was there before it is not known which pages it has. */
	s->in_place = s->in_memory;
	return 0;
}

static int storage_open_bdev(struct diff_storage *s, const char *path)
{
	int ret = compat_bdev_open(&s->bdev, path, s);

	if (ret)
		return ret;
	s->allocated = whole_units(s, min(s->limit, bdev_nr_sectors(s->bdev.bdev)));
	return s->allocated ? 0 : -ENOSPC;
}

static int storage_open(struct diff_storage *s, const char *path)
{
	struct path at;
	umode_t mode;
	int ret;

	if (!*path)
		return -ENOENT;
	ret = kern_path(path, LOOKUP_FOLLOW, &at);
	if (ret)
		return ret;
	mode = d_backing_inode(at.dentry)->i_mode;
	path_put(&at);
	if (S_ISBLK(mode))
		return storage_open_bdev(s, path);
	if (S_ISDIR(mode))
		return storage_open_file(s, path, O_TMPFILE | O_EXCL);
	if (S_ISREG(mode))
		return storage_open_file(s, path, 0);
	return -EINVAL;
}

/* Regular files that serve as storage, so that none serves twice. */
static DEFINE_MUTEX(storage_files_lock);
static LIST_HEAD(storage_files);

struct storage_file {
	struct list_head link;
	const struct inode *inode;
};

static int storage_claim(struct diff_storage *s)
{
	struct storage_file *claim, *other;
	int ret = 0;

	if (!s->file)
		return 0;
	claim = kmalloc(sizeof(*claim), GFP_KERNEL);
	if (!claim)
		return -ENOMEM;
	claim->inode = file_inode(s->file);
	mutex_lock(&storage_files_lock);
	list_for_each_entry(other, &storage_files, link)
		if (other->inode == claim->inode)
			ret = -EBUSY;
	if (!ret)
		list_add(&claim->link, &storage_files);
	mutex_unlock(&storage_files_lock);
	if (ret)
		kfree(claim);
	return ret;
}

static void storage_unclaim(struct diff_storage *s)
{
	struct storage_file *claim, *next;

	mutex_lock(&storage_files_lock);
	list_for_each_entry_safe(claim, next, &storage_files, link) {
		if (s->file && claim->inode == file_inode(s->file)) {
			list_del(&claim->link);
			kfree(claim);
		}
	}
	mutex_unlock(&storage_files_lock);
}

static void storage_release(struct diff_storage *s)
{
	struct space *space, *next;

	event_queue_remove(s->events, &s->no_space_event);
	event_queue_remove(s->events, &s->watermark_event);
	rbtree_postorder_for_each_entry_safe(space, next, &s->freed, node)
		kfree(space);
	if (s->file)
		fput(s->file);
	compat_bdev_close(&s->bdev);
	stack_free(&s->below);
	kfree(s->path);
	kfree(s);
}

/**
 * diff_storage_open - open the storage of a new snapshot
 * @path: directory, regular file or block device
 * @limit: most sectors that it may take
 * @events: of the snapshot
 *
 * Of a file that is larger than the limit no more than that is used.
 *
 * Return: the storage, or an ERR_PTR: -EINVAL for another kind of file, -ENOSPC if
 * the limit or the device is less than a unit, -EBUSY if it is in use, or what
 * opening it says.
 */
struct diff_storage *diff_storage_open(const char *path, sector_t limit,
				       struct event_queue *events)
{
	struct diff_storage *s;
	int ret;

	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return ERR_PTR(-ENOMEM);
	s->events = events;
	s->unit_shift = param_copy_unit_shift() - SECTOR_SHIFT;
	s->limit = whole_units(s, limit);
	s->freed = RB_ROOT;
	spin_lock_init(&s->lock);
	spin_lock_init(&s->spare_lock);
	INIT_LIST_HEAD(&s->below);
	INIT_LIST_HEAD(&s->no_space_event.link);
	INIT_LIST_HEAD(&s->watermark_event.link);
	INIT_WORK(&s->grow_work, storage_grow_work);
	ret = -ENOMEM;
	s->path = kstrdup(path, GFP_KERNEL);
	if (!s->path)
		goto release;
	ret = s->limit ? storage_open(s, path) : -ENOSPC;
	if (ret)
		goto release;
	ret = diff_storage_look_below(s, &s->below);
	if (ret)
		goto release;
	ret = storage_claim(s);
	if (ret)
		goto release;
	ret = store_init(s);
	if (ret)
		goto unclaim;
	return s;
unclaim:
	storage_unclaim(s);
release:
	storage_release(s);
	return ERR_PTR(ret);
}

/**
 * diff_storage_close - the end of a storage
 * @s: a storage that no diff area uses any more
 */
void diff_storage_close(struct diff_storage *s)
{
	store_exit(s);
	probe_free(s);
	storage_unclaim(s);
	storage_release(s);
}

/**
 * diff_storage_look_below - find the devices that the storage lies on
 * @s: the storage
 * @devices: an empty list, takes struct stack_device
 *
 * Return: 0 or a negative errno.
 */
int diff_storage_look_below(struct diff_storage *s, struct list_head *devices)
{
	if (s->file)
		return stack_of_file(s->path, s->file, devices);
	return stack_of_bdev(s->bdev.bdev, devices);
}
