// SPDX-License-Identifier: GPL-2.0
/*
 * 600 takes in a row: every increment is right for old clients and for those who count epochs, across 255 twice (fault 20)
 * timeout: 300
 * long: sanitizer
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"
#include "source.h"

#define TAKES	(is_sanitizer() ? 400u : 600u)	/* twice across 255, either way */
#define BLOCKS	128

static struct source source;
static uint64_t written[BLOCKS];	/* epoch of the last write; 0: none */
static uint64_t rng;

/* What a client of the series does: it knows a number and a generation. */
struct client {
	struct blksnap_uuid generation;
	uint8_t number;
	uint64_t epoch;		/* of its copy, for us to know what it must see */
};

static void write_some(uint64_t epoch)
{
	static uint8_t *buf;

	if (!buf)
		buf = io_alloc(4096);
	for (int i = random_below(&rng, 3); i >= 0; i--) {
		uint64_t block = random_below(&rng, BLOCKS);

		write_all(source.fd, buf, 4096, block * (source.size / BLOCKS));
		written[block] = epoch;
	}
}

static void check_since(const uint8_t *map, int number, uint64_t epoch, const char *who)
{
	for (int i = 0; i < BLOCKS; i++)
		check((map[i] > number) == (written[i] > epoch),
		      "%s: block %d written in epoch %llu has %u, base is number %d of epoch %llu",
		      who, i, (unsigned long long)written[i], map[i], number,
		      (unsigned long long)epoch);
}

static void check_epochs(const uint8_t *map, uint64_t epoch)
{
	struct blksnap_cbtepoch e;

	must(cbt_epoch(source.fd, &e));
	check(e.epoch == epoch, "epoch %llu after %llu takes", (unsigned long long)e.epoch,
	      (unsigned long long)epoch);
	check(e.oldest_base + 127 <= epoch || !e.oldest_base, "oldest base %llu in epoch %llu",
	      (unsigned long long)e.oldest_base, (unsigned long long)epoch);
	for (uint64_t base = e.oldest_base; base <= epoch; base++)
		for (int i = 0; i < BLOCKS; i++)
			check((map[i] && e.map_epoch + map[i] > base) == (written[i] > base),
			      "block %d written in epoch %llu has %u, base is epoch %llu, map epoch %llu",
			      i, (unsigned long long)written[i], map[i], (unsigned long long)base,
			      (unsigned long long)e.map_epoch);
}

int main(void)
{
	struct blksnap_cbtinfo info;
	struct client every = { 0 }, seldom = { 0 };
	unsigned int generations = 0;

	rng = random_seed();
	source = source_open(sh("dev_null 8"));
	for (uint64_t epoch = 1; epoch <= TAKES; epoch++) {
		struct blksnap_uuid id;
		uint8_t *map;

		write_some(epoch);
		id = take_one("/tmp", 16 * MIB, &source);
		destroy(&id);
		map = cbt_map_all(source.fd, &info);
		check(info.block_count == BLOCKS && info.changes_number, "number %u of %u blocks",
		      info.changes_number, info.block_count);

		/* One who takes every increment loses none but at a new generation. */
		if (!memcmp(&info.generation_id, &every.generation, sizeof(every.generation))) {
			check(info.changes_number == every.number + 1, "number %u after %u",
			      info.changes_number, every.number);
			check_since(map, every.number, epoch - 1, "fault 20");
		} else {
			generations++;
		}
		every = (struct client){ info.generation_id, info.changes_number, epoch };

		/* One who comes every 17th time. */
		if (epoch % 17 == 0) {
			if (!memcmp(&info.generation_id, &seldom.generation, 16))
				check_since(map, seldom.number, seldom.epoch, "fault 20");
			seldom = every;
		}
		check_epochs(map, epoch);
		free(map);
	}
	check(generations > 1, "numbers end at 255, and there was one generation");
	printf("%u generations for old clients\n", generations);
	source_close(&source);
	return 0;
}
