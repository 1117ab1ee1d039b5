/* fault 1: CBTDIRTY marks all of its ranges, not only the first */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "source.h"

#define RANGES 700	/* more than a page holds */

int main(void)
{
	struct source source = source_open(sh("dev_null 128"));
	struct blksnap_sectors *ranges = calloc(RANGES, sizeof(*ranges));
	struct blksnap_cbtinfo info;
	struct blksnap_uuid id;
	uint8_t *map;
	unsigned int i, block;

	id = take_one("/tmp", MIB, &source);
	destroy(&id);
	/* every other block, in an order that is not the device's */
	for (i = 0; i < RANGES; i++)
		ranges[i] = (struct blksnap_sectors){ (i * 101 % RANGES) * 2 * 128 + 7, 1 };
	want(cbt_dirty(source.fd, ranges, RANGES), 0);
	map = cbt_map_all(source.fd, &info);
	for (block = 0; block < info.block_count; block++)
		check(!!map[block] == (block % 2 == 0 && block < 2 * RANGES), "block %u is marked %u", block, map[block]);
	return 0;
}
