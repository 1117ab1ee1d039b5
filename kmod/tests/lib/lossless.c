// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lossless.h"

struct state {
	struct source source;
	struct writers *writers;
	uint8_t *image, *again, *replica, *touched;
	uint8_t base;		/* changes number of the replica; 0: there is none yet */
	struct blksnap_cbtinfo info;
	uint64_t copied;	/* tracking blocks, over all rounds */
};

/* The marked blocks are those written between the two takes: no more, no less. */
static void check_map(const struct state *s, const uint8_t *map)
{
	uint32_t per_block = s->info.block_size / SECTOR;

	for (uint32_t block = 0; block < s->info.block_count; block++) {
		uint64_t first = (uint64_t)block * per_block, count = s->source.size / SECTOR - first;
		bool written = memchr(s->touched + first, 1, count < per_block ? count : per_block);

		if (written != (map[block] > s->base))
			fail("tracking block %u was %swritten since number %u, the map says %u", block,
			     written ? "" : "not ", s->base, map[block]);
	}
}

static void apply(struct state *s, const uint8_t *map)
{
	for (uint32_t block = 0; block < s->info.block_count; block++) {
		uint64_t at = (uint64_t)block * s->info.block_size, left = s->source.size - at;

		if (s->base && map[block] <= s->base)
			continue;
		memcpy(s->replica + at, s->image + at,
		       left < s->info.block_size ? left : s->info.block_size);
		s->copied++;
	}
}

static void first_difference(const struct state *s, const uint8_t *a, const uint8_t *b,
			     const char *what)
{
	for (uint64_t i = 0; i < s->source.size / SECTOR; i++)
		if (memcmp(a + i * SECTOR, b + i * SECTOR, SECTOR))
			fail("%s: sector %llu differs", what, (unsigned long long)i);
}

static void round_once(struct state *s, const struct lossless *how)
{
	struct blksnap_uuid id;
	uint8_t *map;
	int image;

	writers_before_take(s->writers);
	id = take_one(how->storage, how->limit, &s->source);
	writers_after_take(s->writers);

	image = image_open(s->source.fd, O_RDONLY | O_DIRECT);
	if (dev_size(image) != s->source.size)
		fail("the image has %llu bytes", (unsigned long long)dev_size(image));
	read_all(image, s->image, s->source.size, 0);
	memset(s->touched, 0, s->source.size / SECTOR);
	if (writers_judge(s->writers, s->image, s->touched))
		fail("the image is not the device at the take");

	map = cbt_map_all(s->source.fd, &s->info);
	if (s->base)
		check_map(s, map);
	apply(s, map);
	first_difference(s, s->replica, s->image, "replica and image");

	read_all(image, s->again, s->source.size, 0);
	first_difference(s, s->image, s->again, "the image between two readings");
	close(image);
	if (image_error(s->source.fd))
		fail("the snapshot failed with %d", image_error(s->source.fd));
	destroy(&id);
	s->base = s->info.changes_number;
	free(map);
}

void lossless_rounds(char *path, const struct lossless *how)
{
	struct state s = { .source = source_open(path) };
	struct writers_config config = how->writers;

	config.path = path;
	config.sectors = s.source.size / SECTOR;
	s.image = io_alloc(s.source.size);
	s.again = io_alloc(s.source.size);
	s.replica = io_alloc(s.source.size);
	s.touched = calloc(config.sectors, 1);
	s.writers = writers_start(&config);
	for (unsigned int i = 0; i < how->rounds; i++)
		round_once(&s, how);
	printf("%u rounds, %llu writes, %llu of %llu tracking blocks copied\n", how->rounds,
	       (unsigned long long)writers_total(s.writers), (unsigned long long)s.copied,
	       (unsigned long long)s.info.block_count * how->rounds);
	writers_stop(s.writers);
	free(s.image);
	free(s.again);
	free(s.replica);
	free(s.touched);
	source_close(&s.source);
}
