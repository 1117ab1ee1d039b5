// SPDX-License-Identifier: GPL-2.0
/*
 * Which units of a device are kept, and where. Units that are kept together make a
 * piece; no piece reaches beyond its chunk, and the chunks are spread over shards
 * with a lock each. What is not in a piece is on the source still, or was released.
 *
 * A copy is known to pieces by its address only: what has become of its units in
 * the meantime shows by whether their pieces still point to it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/slab.h>
#include "diff_area.h"
#include "diff_storage.h"
#include "tracker.h"

static struct kmem_cache *piece_cache;

int __init pieces_init(void)
{
	piece_cache = KMEM_CACHE(piece, 0);
	return piece_cache ? 0 : -ENOMEM;
}

void pieces_exit(void)
{
	kmem_cache_destroy(piece_cache);
}

static struct piece *piece_alloc(void)
{
	return kmem_cache_zalloc(piece_cache, GFP_NOIO | __GFP_NOWARN);
}

static void piece_free(struct piece *piece)
{
	if (piece)
		kmem_cache_free(piece_cache, piece);
}

/*
 * A shard, with its lock held.
 */

static struct piece *piece_entry(struct rb_node *node)
{
	return rb_entry_safe(node, struct piece, node);
}

/* For those who read without being registered. */
static void shard_changed(struct shard *sh)
{
	/* Who sees it sees what was done before: pairs with smp_rmb() in image_read(). */
	smp_store_release(&sh->changes, sh->changes + 1);
}

static u64 piece_last(const struct piece *p)
{
	return p->unit + p->count - 1;
}

/* The first piece that does not end before @unit. */
static struct piece *shard_find(struct shard *sh, u64 unit)
{
	struct rb_node *node = sh->pieces.rb_node;
	struct piece *found = NULL;

	while (node) {
		struct piece *p = piece_entry(node);

		if (piece_last(p) >= unit) {
			found = p;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

static struct piece *shard_prev(struct piece *p)
{
	return piece_entry(rb_prev(&p->node));
}

static struct piece *shard_next(struct piece *p)
{
	return piece_entry(rb_next(&p->node));
}

/* Where a piece from @unit on belongs in the tree, and its neighbours there. */
static struct rb_node **shard_place(struct shard *sh, u64 unit, struct rb_node **parent,
				    struct piece **before, struct piece **after)
{
	struct rb_node **p = &sh->pieces.rb_node;

	*parent = NULL;
	*before = NULL;
	*after = NULL;
	while (*p) {
		struct piece *piece = piece_entry(*p);

		*parent = *p;
		if (unit < piece->unit) {
			*after = piece;
			p = &(*p)->rb_left;
		} else {
			*before = piece;
			p = &(*p)->rb_right;
		}
	}
	return p;
}

/* Puts a piece to its place. */
static void shard_link(struct shard *sh, struct piece *piece, struct rb_node *parent,
		       struct rb_node **link)
{
	WRITE_ONCE(sh->kept, true);
	rb_link_node(&piece->node, parent, link);
	rb_insert_color(&piece->node, &sh->pieces);
}

static void shard_insert(struct shard *sh, struct piece *piece)
{
	struct piece *before, *after;
	struct rb_node **link, *parent;

	link = shard_place(sh, piece->unit, &parent, &before, &after);
	shard_link(sh, piece, parent, link);
}

/* Makes a piece begin at @unit if one reaches across; false without a spare one. */
static bool shard_split(struct diff_area *area, struct shard *sh, u64 unit,
			struct piece **spare)
{
	struct piece *p = shard_find(sh, unit), *rest;

	if (!p || p->unit >= unit)
		return true;
	rest = *spare;
	if (!rest)
		return false;
	*spare = NULL;
	rest->unit = unit;
	rest->count = piece_last(p) - unit + 1;
	rest->copy = p->copy;
	if (p->copy)
		p->copy->piece = NULL;
	rest->sector = p->sector + ((unit - p->unit) << area->unit_shift);
	p->count = unit - p->unit;
	shard_insert(sh, rest);
	return true;
}

static bool pieces_adjoin(struct diff_area *area, struct piece *a, struct piece *b)
{
	return !a->copy && !b->copy && piece_last(a) + 1 == b->unit &&
	       b->unit <= diff_area_chunk_last(area, a->unit) &&
	       a->sector + ((sector_t)a->count << area->unit_shift) == b->sector;
}

/* Merges what adjoins in the storage, from @p to the piece behind @last. */
static struct piece *shard_merge(struct diff_area *area, struct shard *sh, struct piece *p,
				 u64 last)
{
	struct piece *next, *freed = NULL;

	while (p && p->unit <= last) {
		next = shard_next(p);
		if (!next || !pieces_adjoin(area, p, next)) {
			p = next;
			continue;
		}
		p->count += next->count;
		rb_erase(&next->node, &sh->pieces);
		next->next = freed;
		freed = next;
	}
	return freed;
}

static void piece_list_free(struct piece *list)
{
	while (list) {
		struct piece *next = list->next;

		piece_free(list);
		list = next;
	}
}

/*
 * Released ranges.
 */

static noinline bool released_find(struct diff_area *area, u64 unit, u64 *last)
{
	MA_STATE(mas, &area->released, unit, unit);
	void *entry;

	rcu_read_lock();
	entry = mas_walk(&mas);
	*last = mas.last;
	rcu_read_unlock();
	return entry;
}

/* Whether @unit is released; @last becomes the last unit of which the same holds. */
static __always_inline bool unit_released(struct diff_area *area, u64 unit, u64 *last)
{
	*last = U64_MAX;
	return unlikely(READ_ONCE(area->releasing)) && released_find(area, unit, last);
}

/* Sectors of a range that are not released yet. */
static sector_t range_unreleased(struct diff_area *area, u64 first, u64 last)
{
	sector_t sectors = 0;
	u64 unit, end;

	for (unit = first; unit <= last; unit = end + 1) {
		bool released = unit_released(area, unit, &end);

		end = min(end, last);
		/* The last unit may be cut off by the end of the device. */
		if (!released)
			sectors += min((sector_t)(end + 1) << area->unit_shift,
				       area->capacity) - (unit << area->unit_shift);
	}
	return sectors;
}

/* Adds to what is released, as one range with what adjoins; that is where they are put. */
static int released_add(struct diff_area *area, u64 *first, u64 *last)
{
	sector_t fresh = range_unreleased(area, *first, *last);
	u64 end;
	int ret;

	if (*first) {
		MA_STATE(before, &area->released, *first - 1, *first - 1);

		rcu_read_lock();
		if (mas_walk(&before))
			*first = before.index;
		rcu_read_unlock();
	}
	if (unit_released(area, *last + 1, &end))
		*last = end;
	WRITE_ONCE(area->releasing, true);
	ret = mtree_store_range(&area->released, *first, *last, xa_mk_value(1),
				GFP_NOIO | __GFP_NOWARN);
	if (!ret)
		atomic64_add(fresh, &area->released_sectors);
	return ret;
}

/*
 * Has the writers know of a range that was released within a larger one that is: of the
 * blocks at its edges the rest may be in that.
 */
static void release_settle(struct diff_area *area, u64 first, u64 last, u64 range_first,
			   u64 range_last)
{
	struct cbt_map *map = area->tracker->map;
	sector_t block = 1ULL << map->block_shift;
	sector_t sector = round_down(first << area->unit_shift, block);
	sector_t end = round_up((last + 1) << area->unit_shift, block);

	cbt_map_settle(map, max(sector, (sector_t)range_first << area->unit_shift),
		       min(end, (sector_t)(range_last + 1) << area->unit_shift));
}

/*
 * For writers.
 */

/*
 * The last unit that it pays to claim along with @unit: a writer that goes on where units
 * were claimed last is going to want those behind too. Twice as many as then, up to the
 * end of the chunk, of the device, or of what is not kept.
 */
static u64 shard_ahead(struct diff_area *area, struct shard *sh, u64 unit, u64 gap_end)
{
	if (unit != sh->next)
		return unit;
	return min(min3(gap_end, diff_area_chunk_last(area, unit),
			(u64)(area->capacity - 1) >> area->unit_shift),
		   unit + 2 * sh->claimed);
}

/*
 * What is left between two pieces of a chunk is kept as a whole when some of it is
 * overwritten, if it is no more than that: writes that lie so densely are going to get to the
 * rest as well, and one copy costs less than many.
 */
#define FILL_BYTES	65536

static bool gap_fill(struct diff_area *area, struct gap *gap, struct piece *after)
{
	u64 chunk_last = diff_area_chunk_last(area, gap->unit), from, end;
	struct piece *before;

	if (!after || after->unit > chunk_last)
		return false;
	before = shard_prev(after);
	if (!before || diff_area_chunk_last(area, before->unit) != chunk_last)
		return false;
	from = piece_last(before) + 1;
	if ((after->unit - from) << (area->unit_shift + SECTOR_SHIFT) > FILL_BYTES ||
	    unit_released(area, from, &end) || end < after->unit - 1)
		return false;
	gap->from = from;
	gap->to = after->unit - 1;
	return true;
}

/**
 * pieces_find_gap - look for units that would have to be kept
 * @area: the area
 * @gap: its unit is where to begin; what was found
 * @last: where to end, in the same chunk
 *
 * Return: whether there are any.
 */
bool pieces_find_gap(struct diff_area *area, struct gap *gap, u64 last)
{
	struct shard *sh = shard_of(area, last);
	u64 unit = gap->unit, end;
	struct piece *p;

	/* Most often it is all one range, whose pieces are gone for good. */
	if (unit_released(area, unit, &end) && end >= last)
		return false;
	spin_lock(&sh->lock);
	p = shard_find(sh, unit);
	while (unit <= last) {
		if (p && p->unit <= unit) {
			if (p->copy && p->copy->state != COPY_SETTLED)
				gap->busy = true;
			unit = piece_last(p) + 1;
			p = shard_next(p);
			continue;
		}
		if (unit_released(area, unit, &end)) {
			unit = min(end, last) + 1;
			p = shard_find(sh, unit);
			continue;
		}
		end = min(end, p ? p->unit - 1 : U64_MAX);
		gap->unit = unit;
		gap->last = min(last, end);
		gap->from = unit;
		gap->to = gap->last;
		if (!gap_fill(area, gap, p))
			gap->to = max(gap->last, shard_ahead(area, sh, unit, end));
		break;
	}
	spin_unlock(&sh->lock);
	return unit <= last;
}

/**
 * pieces_busy - whether someone else is about to keep units
 * @area: the area
 * @first: first unit
 * @last: last unit, in the same chunk
 *
 * Return: true if the source must not be overwritten there yet.
 */
bool pieces_busy(struct diff_area *area, u64 first, u64 last)
{
	struct shard *sh = shard_of(area, last);
	struct piece *p;
	bool busy = false;

	spin_lock(&sh->lock);
	for (p = shard_find(sh, first); p && p->unit <= last && !busy; p = shard_next(p))
		busy = p->copy && p->copy->state != COPY_SETTLED;
	spin_unlock(&sh->lock);
	return busy;
}

/**
 * pieces_claim - announce that units are going to be kept
 * @area: the area
 * @copy: takes their data; made smaller if others were faster
 *
 * Return: 0; -EBUSY if nothing is left to keep where @copy begins, -ENOMEM.
 */
int pieces_claim(struct diff_area *area, struct copy *copy)
{
	struct shard *sh = shard_of(area, copy->unit);
	struct piece *piece = piece_alloc(), *before, *after;
	struct rb_node **link, *parent;

	if (!piece)
		return -ENOMEM;
	spin_lock(&sh->lock);
	link = shard_place(sh, copy->unit, &parent, &before, &after);
	if (before && piece_last(before) >= copy->unit) {
		spin_unlock(&sh->lock);
		piece_free(piece);
		return -EBUSY;
	}
	if (after && after->unit < copy->unit + copy->count)
		copy->count = after->unit - copy->unit;
	piece->unit = copy->unit;
	piece->count = copy->count;
	piece->copy = copy;
	copy->piece = piece;
	shard_link(sh, piece, parent, link);
	copy->joins = (before && piece_last(before) + 1 == copy->unit) ||
		      (after && after->unit == copy->unit + copy->count);
	copy->follows = sh->next == copy->unit;
	sh->next = copy->unit + copy->count;
	sh->claimed = copy->count;
	spin_unlock(&sh->lock);
	return 0;
}

static bool piece_settled(const struct piece *p)
{
	return !p->copy || p->copy->state == COPY_SETTLED;
}

/* Pieces that are looked at on either side of a copy: a block of 64 KiB has no more. */
#define AROUND_MAX	16

/*
 * What is kept around a copy, and of it: others may have kept the rest of its blocks. No
 * further than to their edges.
 */
static void copy_surroundings(struct diff_area *area, struct copy *copy, sector_t *sector,
			      sector_t *end)
{
	sector_t block = 1ULL << area->tracker->map->block_shift;
	sector_t begin, stop;
	struct piece *p;
	int left;

	*sector = copy->unit << area->unit_shift;
	*end = (copy->unit + copy->count) << area->unit_shift;
	if (!copy->joins || !copy->piece)
		return;
	begin = round_down(*sector, block);
	stop = round_up(*end, block);
	p = shard_prev(copy->piece);
	for (left = AROUND_MAX; left && *sector > begin && p && piece_settled(p) &&
	     (piece_last(p) + 1) << area->unit_shift == *sector; left--, p = shard_prev(p))
		*sector = p->unit << area->unit_shift;
	p = shard_next(copy->piece);
	for (left = AROUND_MAX; left && *end < stop && p && piece_settled(p) &&
	     p->unit << area->unit_shift == *end; left--, p = shard_next(p))
		*end = (piece_last(p) + 1) << area->unit_shift;
}

/**
 * pieces_set_state - say what has become of a copy
 * @area: the area
 * @copy: the copy
 * @state: READY becomes SETTLED at once if nobody reads the image
 */
void pieces_set_state(struct diff_area *area, struct copy *copy, enum copy_state state)
{
	struct shard *sh = shard_of(area, copy->unit);
	sector_t sector, end;

	spin_lock(&sh->lock);
	/* Who is going to read the image registers before coming here, and finds the copy. */
	if (state == COPY_READY && list_empty(&area->readers))
		state = COPY_SETTLED;
	copy->state = state;
	/* From now on the source may be overwritten. */
	shard_changed(sh);
	if (state == COPY_SETTLED)
		copy_surroundings(area, copy, &sector, &end);
	spin_unlock(&sh->lock);
	if (state == COPY_SETTLED)
		cbt_map_settle(area->tracker->map, sector, end);
	if (wq_has_sleeper(&area->wait))
		wake_up_all(&area->wait);
}

/* Forgets the units of a copy that comes to nothing: they are read again, or the area is corrupted. */
void pieces_drop(struct diff_area *area, struct copy *copy)
{
	struct shard *sh = shard_of(area, copy->unit);
	struct piece *p, *next, *freed = NULL;
	u64 last = copy->unit + copy->count - 1;

	spin_lock(&sh->lock);
	for (p = shard_find(sh, copy->unit); p && p->unit <= last; p = next) {
		next = shard_next(p);
		if (p->copy != copy)
			continue;
		rb_erase(&p->node, &sh->pieces);
		p->next = freed;
		freed = p;
	}
	spin_unlock(&sh->lock);
	piece_list_free(freed);
	wake_up_all(&area->wait);
}

/*
 * For the storage.
 */

#define HOLES_MAX	16

/**
 * struct holes - parts of a stored copy that nobody wants any more
 * @nr: elements of @hole
 * @hole: in units from the beginning of what was stored
 *
 * More than fit are left in the storage unused.
 */
struct holes {
	unsigned int nr;
	struct {
		u32 offset;
		u32 count;
	} hole[HOLES_MAX];
};

static void holes_add(struct holes *holes, u64 offset, u64 count)
{
	if (!count || holes->nr == HOLES_MAX)
		return;
	holes->hole[holes->nr].offset = offset;
	holes->hole[holes->nr].count = count;
	holes->nr++;
}

static void shard_stored(struct diff_area *area, struct shard *sh, struct copy *copy,
			 u64 first, u64 last, sector_t sector, struct holes *holes)
{
	struct piece *p;
	u64 unit = first;

	for (p = shard_find(sh, first); p && p->unit <= last; p = shard_next(p)) {
		if (p->copy != copy)
			continue;
		holes_add(holes, unit - first, p->unit - unit);
		p->sector = sector + ((p->unit - first) << area->unit_shift);
		p->copy = NULL;
		unit = piece_last(p) + 1;
	}
	holes_add(holes, unit - first, last + 1 - unit);
}

/* Most often all of a copy is stored at once, and is one piece still. */
static bool pieces_stored_whole(struct diff_area *area, struct copy *copy, sector_t sector)
{
	struct shard *sh = shard_of(area, copy->unit);
	struct piece *p, *before, *freed = NULL;

	spin_lock(&sh->lock);
	p = copy->piece;
	if (unlikely(!p)) {
		spin_unlock(&sh->lock);
		return false;
	}
	copy->piece = NULL;
	p->copy = NULL;
	p->sector = sector;
	/* Else what lies beside it on the device is elsewhere in the storage. */
	if (copy->follows) {
		before = shard_prev(p);
		freed = shard_merge(area, sh, before ?: p, p->unit);
	}
	spin_unlock(&sh->lock);
	piece_list_free(freed);
	return true;
}

static noinline int pieces_stored_part(struct diff_area *area, struct copy *copy, u32 offset,
				       u32 count, sector_t sector)
{
	struct shard *sh = shard_of(area, copy->unit);
	u64 first = copy->unit + offset, last = first + count - 1;
	struct piece *spare[2] = {}, *freed;
	struct holes holes = {};
	unsigned int i;

	spin_lock(&sh->lock);
	while (!shard_split(area, sh, first, &spare[0]) ||
	       !shard_split(area, sh, last + 1, &spare[1])) {
		spin_unlock(&sh->lock);
		for (i = 0; i < 2; i++) {
			if (!spare[i])
				spare[i] = piece_alloc();
			if (!spare[i]) {
				piece_free(spare[0]);
				return -ENOMEM;
			}
		}
		spin_lock(&sh->lock);
	}
	shard_stored(area, sh, copy, first, last, sector, &holes);
	freed = shard_merge(area, sh, shard_find(sh, first ? first - 1 : 0), last);
	spin_unlock(&sh->lock);

	piece_list_free(freed);
	piece_free(spare[0]);
	piece_free(spare[1]);
	for (i = 0; i < holes.nr; i++)
		diff_storage_free(area->storage,
				  sector + ((sector_t)holes.hole[i].offset << area->unit_shift),
				  (sector_t)holes.hole[i].count << area->unit_shift);
	return 0;
}

/**
 * pieces_stored - units of a copy are in the storage
 * @area: the area
 * @copy: the copy
 * @offset: of the first unit in the copy
 * @count: units
 * @sector: where in the storage; what is not needed of it is given back
 *
 * Return: 0 or -ENOMEM; then nothing has changed.
 */
int pieces_stored(struct diff_area *area, struct copy *copy, u32 offset, u32 count,
		  sector_t sector)
{
	if (count == copy->count && pieces_stored_whole(area, copy, sector))
		return 0;
	return pieces_stored_part(area, copy, offset, count, sector);
}

/*
 * For the image.
 */

/* Takes the pieces of a range out of a shard; NULL with *ret set if it could not. */
static struct piece *shard_remove(struct diff_area *area, struct shard *sh, u64 first,
				  u64 last, struct piece *insert, int *ret)
{
	struct piece *spare[2] = {}, *p, *next, *removed = NULL;
	unsigned int i;

	*ret = 0;
	spin_lock(&sh->lock);
	while (!shard_split(area, sh, first, &spare[0]) ||
	       !shard_split(area, sh, last + 1, &spare[1])) {
		spin_unlock(&sh->lock);
		for (i = 0; i < 2; i++) {
			if (!spare[i])
				spare[i] = piece_alloc();
			if (!spare[i])
				*ret = -ENOMEM;
		}
		if (*ret)
			goto out;
		spin_lock(&sh->lock);
	}
	for (p = shard_find(sh, first); p && p->unit <= last; p = next) {
		next = shard_next(p);
		rb_erase(&p->node, &sh->pieces);
		if (p->copy && p->copy->piece == p)
			p->copy->piece = NULL;
		p->next = removed;
		removed = p;
	}
	shard_changed(sh);
	if (insert)
		shard_insert(sh, insert);
	spin_unlock(&sh->lock);
out:
	piece_free(spare[0]);
	piece_free(spare[1]);
	return removed;
}

/* Gives the storage of pieces back that were taken out; nobody reads them now. */
static void pieces_discard(struct diff_area *area, struct piece *list)
{
	struct piece *p;

	for (p = list; p; p = p->next)
		if (!p->copy)
			diff_storage_free(area->storage, p->sector,
					  (sector_t)p->count << area->unit_shift);
	piece_list_free(list);
}

/**
 * pieces_replace - what was kept of some units gives way to other data
 * @area: the area
 * @first: first unit
 * @last: last unit, in the same chunk
 * @copy: their data, for exactly these units
 *
 * Waits for those who read the units. One task at a time.
 *
 * Return: 0 or -ENOMEM.
 */
int pieces_replace(struct diff_area *area, u64 first, u64 last, struct copy *copy)
{
	struct piece *piece = piece_alloc(), *removed;
	int ret;

	if (!piece)
		return -ENOMEM;
	piece->unit = first;
	piece->count = last - first + 1;
	piece->copy = copy;
	copy->piece = piece;
	removed = shard_remove(area, shard_of(area, first), first, last, piece, &ret);
	if (ret) {
		piece_free(piece);
		return ret;
	}
	diff_area_readers_wait(area, first, last);
	pieces_discard(area, removed);
	return 0;
}

/* Takes out pieces of a range, shard by shard, or chunk by chunk if these are fewer. */
static struct piece *range_remove(struct diff_area *area, u64 first, u64 last, int *ret)
{
	u64 chunks = (last >> area->chunk_shift) - (first >> area->chunk_shift) + 1;
	struct piece *list = NULL, *p, *next;
	u64 unit = first;
	unsigned int i, n = min_t(u64, chunks, SHARDS);

	*ret = 0;
	for (i = 0; i < n && !*ret; i++) {
		struct shard *sh = chunks < SHARDS ? shard_of(area, unit) : &area->shards[i];
		u64 from = chunks < SHARDS ? unit : first;
		u64 to = chunks < SHARDS ? min(last, diff_area_chunk_last(area, unit)) : last;

		for (p = shard_remove(area, sh, from, to, NULL, ret); p; p = next) {
			next = p->next;
			p->next = list;
			list = p;
		}
		unit = to + 1;
	}
	return list;
}

/**
 * pieces_release - some units need not be kept any longer
 * @area: the area
 * @first: first unit
 * @last: last unit
 *
 * Costs what was kept of the range, whatever its size. One task at a time.
 *
 * Return: 0 or -ENOMEM; the range counts as released then, or not at all.
 */
int pieces_release(struct diff_area *area, u64 first, u64 last)
{
	u64 range_first = first, range_last = last;
	struct piece *removed;
	int ret;

	ret = released_add(area, &range_first, &range_last);
	if (ret)
		return ret;
	/* What is left for want of memory is not read, and goes with the area. */
	removed = range_remove(area, first, last, &ret);
	diff_area_readers_wait(area, first, last);
	pieces_discard(area, removed);
	release_settle(area, first, last, range_first, range_last);
	return 0;
}

/**
 * pieces_lookup - where the data of a unit is, and of those that follow
 * @area: the area; what is on the source or in the storage stays there while the caller
 *	is one of its readers
 * @first: the unit
 * @last: up to which is asked, in the same chunk
 * @run: what was found
 */
void pieces_lookup(struct diff_area *area, u64 first, u64 last, struct unit_run *run)
{
	struct shard *sh = shard_of(area, first);
	struct piece *p;
	u64 end;

	run->copy = NULL;
	run->sector = 0;
	spin_lock(&sh->lock);
	if (unit_released(area, first, &end)) {
		run->place = UNIT_RELEASED;
		run->last = min(last, end);
		goto unlock;
	}
	last = min(last, end);
	p = shard_find(sh, first);
	if (!p || p->unit > first) {
		run->place = UNIT_SOURCE;
		run->last = p ? min(last, p->unit - 1) : last;
		goto unlock;
	}
	run->last = min(last, piece_last(p));
	if (!p->copy) {
		run->place = UNIT_STORAGE;
		run->sector = p->sector + ((first - p->unit) << area->unit_shift);
	} else if (p->copy->state == COPY_READING) {
		run->place = UNIT_SOURCE;
	} else {
		run->place = UNIT_COPY;
		run->copy = p->copy;
		copy_get(run->copy);
	}
unlock:
	spin_unlock(&sh->lock);
}

/* The area is not in use any more. */
void pieces_destroy(struct diff_area *area)
{
	struct piece *p, *next;
	unsigned int i;

	for (i = 0; i < SHARDS; i++)
		rbtree_postorder_for_each_entry_safe(p, next, &area->shards[i].pieces, node)
			piece_free(p);
	mtree_destroy(&area->released);
}
