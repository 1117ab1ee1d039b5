// SPDX-License-Identifier: GPL-2.0
/*
 * The change map. A byte holds 255 numbers, a device sees any number of takes: so
 * when the numbers run out, the older half of them is collapsed into the number 1
 * and the newer half moves down. What is younger than that can still be told
 * apart; only a client that does not know of epochs starts anew.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "cbt_map.h"
#include "params.h"

#define NUMBER_MAX	255
/* By how much numbers fall when they have run out. */
#define NUMBER_FALL	127

/* A map can be larger than the memory that there is. */
static void *map_alloc(size_t bytes)
{
	return __vmalloc(bytes ?: 1, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
}

/**
 * cbt_map_create - start tracking
 * @capacity: sectors of the device
 *
 * Return: a map without changes, or NULL for want of memory.
 */
struct cbt_map *cbt_map_create(sector_t capacity)
{
	struct cbt_map *map;
	unsigned int shift;

	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return NULL;
	shift = param_block_shift((u64)capacity << SECTOR_SHIFT,
				  param_tracking_block_minimum_shift(),
				  param_tracking_block_maximum_shift(),
				  param_tracking_block_maximum_count());
	map->capacity = capacity;
	map->block_shift = shift - SECTOR_SHIFT;
	map->block_count = (capacity + (1ULL << map->block_shift) - 1) >> map->block_shift;
	map->number = 1;
	generate_random_uuid(map->generation.b);
	generate_random_uuid(map->tracking.b);
	map->active = map_alloc(map->block_count);
	map->readable = map_alloc(map->block_count);
	map->settled = map_alloc(bitmap_size(map->block_count));
	if (!map->active || !map->readable || !map->settled) {
		cbt_map_destroy(map);
		return NULL;
	}
	return map;
}

void cbt_map_destroy(struct cbt_map *map)
{
	if (!map)
		return;
	vfree(map->active);
	vfree(map->readable);
	vfree(map->settled);
	kfree(map);
}

static void cbt_map_renumber(struct cbt_map *map)
{
	u32 i;

	for (i = 0; i < map->block_count; i++) {
		u8 v = map->active[i];

		if (v)
			map->active[i] = v > NUMBER_FALL ? v - NUMBER_FALL : 1;
	}
	map->number -= NUMBER_FALL;
	map->map_epoch += NUMBER_FALL;
	/* Value 1 may be older than it says: nothing before it is a base now. */
	map->oldest_base = map->map_epoch + 1;
	generate_random_uuid(map->generation.b);
}

/**
 * cbt_map_take - close the current number
 * @map: the map; nobody marks it meanwhile
 *
 * Does not allocate and does not sleep.
 */
void cbt_map_take(struct cbt_map *map)
{
	if (map->number == NUMBER_MAX)
		cbt_map_renumber(map);
	memcpy(map->readable, map->active, map->block_count);
	bitmap_zero(map->settled, map->block_count);
	map->closed = map->number++;
	map->epoch++;
	atomic_long_set(&map->changed, 0);
}

/**
 * cbt_map_settle - let writes to sectors go on without a look at what is kept
 * @map: of a device of which a snapshot is held
 * @sector: first of them
 * @end: the sector behind
 *
 * Counts for the blocks that lie within, and until the next take.
 */
void cbt_map_settle(struct cbt_map *map, sector_t sector, sector_t end)
{
	unsigned long block = (sector + (1ULL << map->block_shift) - 1) >> map->block_shift;
	unsigned long last = end >> map->block_shift;

	/* The last block may be cut off by the end of the device. */
	if (end >= map->capacity)
		last = map->block_count;
	for (; block < last && block % BITS_PER_LONG; block++)
		set_bit(block, map->settled);
	/* Whoever else changes these words sets bits too. */
	for (; block + BITS_PER_LONG <= last; block += BITS_PER_LONG)
		WRITE_ONCE(map->settled[BIT_WORD(block)], ~0UL);
	for (; block < last; block++)
		set_bit(block, map->settled);
}

/**
 * cbt_map_mark_both - count sectors as changed for the last increment and the next
 * @map: the map; no take may come in between
 * @sector: first of them
 * @count: how many, within the map
 */
void cbt_map_mark_both(struct cbt_map *map, sector_t sector, sector_t count)
{
	u64 block, last = (sector + count - 1) >> map->block_shift;
	/* Before the first take there is no closed number, but 0 means no change. */
	u8 number = map->closed ?: map->number;

	cbt_map_mark(map, sector, sector + count - 1);
	for (block = sector >> map->block_shift; block <= last; block++)
		WRITE_ONCE(map->readable[block], number);
}
