/* fault 24: CBTDIRTY of an empty range is refused and marks nothing */
#define _GNU_SOURCE
#include <stdlib.h>

#include "source.h"

int main(void)
{
	struct source source = source_open(sh("dev_null 8"));
	static const struct blksnap_sectors bad[][2] = {
		{ { 0, 0 }, { 0, 0 } }, { { 5, 0 }, { 8, 8 } }, { { 8, 8 }, { 5, 0 } }, { { 16384, 0 }, { 8, 8 } },
	};
	struct blksnap_cbtinfo info;
	struct blksnap_uuid id;
	unsigned int i, block;
	uint8_t *map;

	id = take_one("/tmp", MIB, &source);
	destroy(&id);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		want(cbt_dirty(source.fd, bad[i], i ? 2 : 1), -EINVAL);
	map = cbt_map_all(source.fd, &info);
	for (block = 0; block < info.block_count; block++)
		check(!map[block], "block %u is marked", block);
	free(map);
	return 0;
}
