/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_CBT_MAP_H
#define _BLKSNAP_CBT_MAP_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/blkdev.h>
#include <linux/uuid.h>

/**
 * struct cbt_map - the change map of a device
 * @active: a byte for each block: the number under which it was last written
 * @readable: @active as it was at the last take
 * @settled: a bit for each block: the snapshot that is held needs nothing more of it
 * @capacity: sectors of the device when the map was made
 * @block_shift: log2 of a block's sectors
 * @block_count: blocks
 * @number: what writes are marked with, 1..255
 * @closed: the number that the last take closed; 0 before the first
 * @generation: for clients that know of 255 numbers only
 * @tracking: changes only when history is lost
 * @epoch: takes so far
 * @map_epoch: value v means epoch @map_epoch + v
 * @oldest_base: oldest epoch that may be the base of an increment
 * @changed: blocks of @active that carry @number
 *
 * Writers mark without a lock; a take changes the rest while there are none.
 */
struct cbt_map {
	u8 *active;
	u8 *readable;
	unsigned long *settled;
	sector_t capacity;
	unsigned int block_shift;
	u32 block_count;
	u8 number;
	u8 closed;
	uuid_t generation;
	uuid_t tracking;
	u64 epoch;
	u64 map_epoch;
	u64 oldest_base;
	atomic_long_t changed;
};

struct cbt_map *cbt_map_create(sector_t capacity);
void cbt_map_destroy(struct cbt_map *map);
void cbt_map_take(struct cbt_map *map);
void cbt_map_settle(struct cbt_map *map, sector_t sector, sector_t end);
void cbt_map_mark_both(struct cbt_map *map, sector_t sector, sector_t count);

/**
 * cbt_map_mark - note that sectors are about to be written
 * @map: the map
 * @sector: first of them, within the map
 * @last: last of them, within the map
 */
static inline void cbt_map_mark(struct cbt_map *map, sector_t sector, sector_t last)
{
	u8 *p = map->active + (sector >> map->block_shift);
	u8 *end = map->active + (last >> map->block_shift);
	u8 number = map->number;

	do {
		/* Most find it marked: no cache line is dirtied then. */
		if (READ_ONCE(*p) != number && xchg(p, number) != number)
			atomic_long_inc(&map->changed);
	} while (++p <= end);
}

/* Of sectors of one block; false also if they are in several. */
static __always_inline bool cbt_map_settled_block(const struct cbt_map *map, sector_t sector,
						  sector_t last)
{
	unsigned long block = sector >> map->block_shift;

	return block == last >> map->block_shift && test_bit(block, map->settled);
}

/**
 * cbt_map_settled - whether sectors may be overwritten without a look at what is kept
 * @map: the map
 * @sector: first of them, within the map
 * @last: last of them, within the map
 *
 * Return: true if cbt_map_settle() was told so of each of their blocks.
 */
static inline bool cbt_map_settled(const struct cbt_map *map, sector_t sector, sector_t last)
{
	unsigned long block = sector >> map->block_shift;
	unsigned long end = last >> map->block_shift;

	if (block == end)
		return test_bit(block, map->settled);
	return find_next_zero_bit(map->settled, end + 1, block) > end;
}

#endif /* _BLKSNAP_CBT_MAP_H */
