// SPDX-License-Identifier: GPL-2.0
/*
 * devices of different sector sizes share a storage that grows by odd amounts, with large copy units
 * timeout: 180
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "source.h"

#define NR 3

static void snapshot_once(struct source *source, const char *storage, uint64_t limit)
{
	const struct source *all[NR] = { &source[0], &source[1], &source[2] };
	struct blksnap_uuid id;
	int image;

	for (int i = 0; i < NR; i++)
		seed_write(source[i].fd, source[i].size, 0, 10 + i);
	id = take_of(storage, limit, all, NR);
	/* In pieces that take turns, so that their units lie between one another. */
	for (uint64_t at = 0; at < source[0].size; at += 256 << 10)
		for (int i = 0; i < NR; i++)
			seed_write(source[i].fd, (i + 1) * 65536 - 4096, at + 4096, 20 + i);
	for (int i = 0; i < NR; i++) {
		want(image_error(source[i].fd), 0);
		image = image_open(source[i].fd, O_RDONLY | O_DIRECT);
		seed_check(image, source[i].size, 0, 10 + i);
		close(image);
	}
	destroy(&id);
}

int main(void)
{
	struct source source[NR] = {
		source_open(sh("dev_null 8 blocksize=512")),
		source_open(sh("dev_null 8 blocksize=4096")),
		source_open(sh("dev_null 8 blocksize=1024")),
	};

	/* Portions and limits that are not whole units. */
	want(param_set("diff_storage_minimum", 2056), 0);
	snapshot_once(source, "/tmp", 40 * MIB + 5 * 4096);
	want(param_set("copy_unit_shift", 16), 0);
	snapshot_once(source, "/tmp", 40 * MIB + 5 * 4096);
	snapshot_once(source, sh("dev_null 40 blocksize=4096"), 40 * MIB - 3 * SECTOR);
	want(param_set("copy_unit_shift", 18), 0);
	snapshot_once(source, sh("dev_loop 40"), 40 * MIB - 4096);
	return 0;
}
