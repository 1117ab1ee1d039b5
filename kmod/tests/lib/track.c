// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"
#include "track.h"

#define STORAGE_LIMIT	(64 * MIB)
#define SHOWN		8

static void take_once(struct tracked *t)
{
	struct source source = { .fd = t->fd };
	struct blksnap_uuid id = take_one("/tmp", STORAGE_LIMIT, &source);

	destroy(&id);
}

void track_start(struct tracked *t, const char *path, const char *io_path, uint64_t shift)
{
	int io, attached;

	memset(t, 0, sizeof(*t));
	t->path = path;
	t->io_path = io_path ? io_path : path;
	t->shift = shift;
	t->fd = open_dev(path, O_RDONLY);
	attached = bf_attach(t->fd);
	if (attached != -EALREADY)
		must(attached);
	io = open_dev(t->io_path, O_RDONLY);
	t->size = dev_size(io);
	close(io);
	take_once(t);
	must(cbt_info(t->fd, &t->info));
	t->base = t->info.changes_number;
	t->expected = calloc(t->info.block_count, 1);
}

void track_wrote(struct tracked *t, uint64_t offset, uint64_t length)
{
	uint64_t first = (t->shift + offset) / t->info.block_size;
	uint64_t last = (t->shift + offset + length - 1) / t->info.block_size;

	memset(t->expected + first, 1, last - first + 1);
}

void track_compare(struct tracked *t, const char *what)
{
	struct blksnap_cbtinfo info;
	unsigned int wrong = 0;
	uint8_t *map;

	take_once(t);
	map = cbt_map_all(t->fd, &info);
	if (memcmp(&info.generation_id, &t->info.generation_id, sizeof(info.generation_id)) ||
	    info.block_count != t->info.block_count || info.block_size != t->info.block_size)
		fail("%s: the map is of a new generation", what);
	if (info.changes_number != (uint8_t)(t->base + 1))
		fail("%s: changes number %u after %u", what, info.changes_number, t->base);
	for (uint32_t i = 0; i < info.block_count; i++) {
		bool marked = map[i] > t->base;

		if (marked == t->expected[i])
			continue;
		if (wrong++ < SHOWN)
			printf("%s: tracking block %u of %u is %s\n", what, i,
			       info.block_count, marked ? "marked and was not written" :
							  "not marked and was written");
	}
	if (wrong)
		t->faults++;
	t->base = info.changes_number;
	memset(t->expected, 0, info.block_count);
	free(map);
}

void track_stop(struct tracked *t)
{
	close(t->fd);
	free(t->expected);
}
