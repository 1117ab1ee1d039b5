/* CBTINFO, CBTMAP and CBTDIRTY: values, bounds and errors */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

int main(void)
{
	struct source source = source_open(sh("d=$(dev_null 17); dm_linear odd $d 0 $((16 * 2048 + 24))"));
	struct blksnap_cbtinfo info, again;
	struct blksnap_sectors ranges[4];
	struct blksnap_uuid id, zero = { { 0 } };
	uint8_t *map, guarded[300];
	uint64_t end = source.size / SECTOR;
	int i, set;

	must(cbt_info(source.fd, &info));
	check(info.device_capacity == source.size, "capacity %llu of %llu", info.device_capacity,
	      (unsigned long long)source.size);
	check(info.block_size == 65536, "tracking block %u", info.block_size);
	check(info.block_count == 257, "%u blocks, the last is not whole", info.block_count);
	check(memcmp(&info.generation_id, &zero, 16), "generation is zero");
	check(info.changes_number == 0, "number %u before the first take", info.changes_number);

	/* parts of the map, cut at its end, and nothing written past what was returned */
	memset(guarded, 0xee, sizeof(guarded));
	want(cbt_map(source.fd, 0, 257, guarded), 257);
	for (i = 0; i < 257; i++)
		check(!guarded[i], "block %d is marked %u, and nothing was written", i, guarded[i]);
	check(guarded[257] == 0xee, "more than the map was copied");
	memset(guarded, 0xee, sizeof(guarded));
	want(cbt_map(source.fd, 250, 300, guarded), 7);
	check(!guarded[6] && guarded[7] == 0xee, "the last blocks are not cut at the end");
	want(cbt_map(source.fd, 256, 1, guarded), 1);
	want(cbt_map(source.fd, 100, 0, guarded), 0);

	/*
	 * CBTDIRTY shows at once in the readable map, by blocks, under the last
	 * number that was closed; before the first take under the current one, as
	 * 0 means no change.
	 */
	id = take_one("/tmp", 16 * MIB, &source);
	destroy(&id);
	ranges[0] = (struct blksnap_sectors){ 127, 2 };		/* blocks 0 and 1 */
	ranges[1] = (struct blksnap_sectors){ 10 * 128, 128 };	/* block 10 */
	ranges[2] = (struct blksnap_sectors){ 20 * 128 + 5, 1 };/* block 20 */
	ranges[3] = (struct blksnap_sectors){ end - 1, 1 };	/* block 256 */
	want(cbt_dirty(source.fd, ranges, 4), 0);
	map = cbt_map_all(source.fd, &again);
	for (i = set = 0; i < 257; i++)
		set += !!map[i];
	check(map[0] && map[1] && map[10] && map[20] && map[256] && set == 5, "%d blocks marked of 5", set);
	free(map);
	check(again.changes_number == 1 && !memcmp(&again.generation_id, &info.generation_id, 16),
	      "CBTDIRTY changes the numbering");

	/* and is in the next increment as well */
	id = take_one("/tmp", 16 * MIB, &source);
	map = cbt_map_all(source.fd, &again);
	check(again.changes_number == 2, "number %u after the second take", again.changes_number);
	for (i = 0; i < 257; i++)
		check(map[i] == (i == 0 || i == 1 || i == 10 || i == 20 || i == 256 ? 2 : 0), "block %d has %u", i, map[i]);
	free(map);
	destroy(&id);

	/* refused, and then nothing is marked: neither before nor after the bad range */
	ranges[0] = (struct blksnap_sectors){ 30 * 128, 1 };
	ranges[1] = (struct blksnap_sectors){ end, 1 };
	want(cbt_dirty(source.fd, ranges, 2), -EINVAL);
	ranges[1] = (struct blksnap_sectors){ end - 1, 2 };
	want(cbt_dirty(source.fd, ranges, 2), -EINVAL);
	ranges[1] = (struct blksnap_sectors){ ~0ull, 2 };
	want(cbt_dirty(source.fd, ranges, 2), -EINVAL);
	ranges[1] = (struct blksnap_sectors){ 1, ~0ull };
	want(cbt_dirty(source.fd, ranges, 2), -EINVAL);
	want(cbt_dirty(source.fd, ranges, 0xffffffff) < 0, 1);
	want(cbt_dirty(source.fd, (void *)16, 1), -EFAULT);
	map = cbt_map_all(source.fd, &again);
	check(!map[30], "a list that was refused marked something");
	free(map);

	/* attached anew: another generation, an empty map */
	must(bf_detach(source.fd));
	must(bf_attach(source.fd));
	map = cbt_map_all(source.fd, &again);
	check(memcmp(&again.generation_id, &info.generation_id, 16), "the same generation after an attach");
	check(again.changes_number == 0 && !map[0], "the map was not made anew");
	return 0;
}
