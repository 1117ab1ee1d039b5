// SPDX-License-Identifier: GPL-2.0
/*
 * what is copied is what is overwritten, in units of 4 KiB, once; and the figures say so
 * timeout: 180
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "source.h"

/* Of which the last unit is kept, and nothing near by. */
#define LAST_CHUNK (63 * (256ULL << 10))

static struct source source;
static uint64_t waits_in_a_row;

static struct blksnap_device_stat figures(void)
{
	struct blksnap_device_stat stat;

	must(dev_stat(source.fd, &stat));
	return stat;
}

static uint64_t copied(void)
{
	return figures().copied_bytes;
}

/*
 * Writes of a unit each, one behind the other, from the beginning of a chunk of which
 * one unit is kept: few of them wait for a copy, and what is copied is what they are
 * going to overwrite.
 */
static void go_on(uint64_t chunk)
{
	struct blksnap_device_stat before = figures(), middle, after;

	for (int i = 1; i <= 32; i++) {
		seed_write(source.fd, 4096, chunk + (i - 1) * 4096, 6);
		middle = figures();
		/* Early on that is much less than the chunk. */
		check(middle.copied_bytes - before.copied_bytes <= 3 * i * 4096ULL,
		      "%llu bytes copied for %d writes in a row",
		      (unsigned long long)(middle.copied_bytes - before.copied_bytes), i);
	}
	check(middle.waited_writes - before.waited_writes <= 6, "%llu of 32 writes in a row waited",
	      (unsigned long long)(middle.waited_writes - before.waited_writes));
	for (int i = 32; i < 64; i++)
		seed_write(source.fd, 4096, chunk + i * 4096, 6);
	after = figures();
	check(after.copied_bytes - before.copied_bytes == 63 * 4096,
	      "%llu bytes copied of a chunk of which one unit was kept",
	      (unsigned long long)(after.copied_bytes - before.copied_bytes));
	waits_in_a_row = after.waited_writes - before.waited_writes;
}

/*
 * Into a chunk of which the first unit is kept: what is left between two kept units is kept
 * as a whole, if it is no more than 64 KiB.
 */
static void between(uint64_t chunk)
{
	static const struct { uint64_t unit, copied; } writes[] = {
		{ 17, 1 }, { 9, 16 },
		{ 35, 1 }, { 20, 1 },	/* 17 units were left: one too many */
		{ 22, 14 }, { 18, 2 }, { 25, 0 },
	};

	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		uint64_t before = copied();

		seed_write(source.fd, 4096, chunk + writes[i].unit * 4096, 7);
		check(copied() - before == writes[i].copied * 4096,
		      "%llu bytes copied for a write of unit %llu, not %llu units",
		      (unsigned long long)(copied() - before),
		      (unsigned long long)writes[i].unit,
		      (unsigned long long)writes[i].copied);
	}
}

int main(void)
{
	struct blksnap_device_stat before, after;
	struct blksnap_cbtinfo info;
	struct blksnap_uuid id;
	uint64_t waits = 0;
	int image;

	source = source_open(sh("dev_null 32"));
	must(cbt_info(source.fd, &info));
	seed_write(source.fd, source.size, 0, 1);
	before = figures();
	id = take_one("/tmp", 64 * MIB, &source);
	image = image_open(source.fd, O_RDONLY | O_DIRECT);
	check(!figures().written_bytes && !figures().changed_blocks, "figures start at the take");

	/* 4 KiB in each of 128 ranges of 256 KiB. */
	for (uint64_t i = 0; i < 128; i++)
		seed_write(source.fd, 4096, i * (256 << 10) + (i % 64) * 4096, 2);
	check(copied() == 128 * 4096, "%llu bytes copied for 128 writes of 4 KiB",
	      (unsigned long long)copied());

	/* The same again: all kept already. */
	for (uint64_t i = 0; i < 128; i++)
		seed_write(source.fd, 4096, i * (256 << 10) + (i % 64) * 4096, 3);
	check(copied() == 128 * 4096, "%llu bytes copied, the second time",
	      (unsigned long long)copied());

	/* A sector is rounded to its unit; two sectors across an edge are two units. */
	seed_write(source.fd, 512, (256 << 10) - 512, 4);
	check(copied() == 129 * 4096, "%llu bytes copied", (unsigned long long)copied());
	seed_write(source.fd, 1024, LAST_CHUNK + 65536 - 512, 4);
	check(copied() == 131 * 4096, "%llu bytes copied", (unsigned long long)copied());

	/* Partly kept: only the rest is copied. */
	seed_write(source.fd, 65536, LAST_CHUNK + 65536 - 4096, 5);
	check(copied() == 131 * 4096 + 65536 - 8192, "%llu bytes copied",
	      (unsigned long long)copied());

	go_on(30 * MIB);
	between(16 * MIB);
	seed_check(image, source.size, 0, 1);
	after = figures();
	check(after.writes - before.writes == 128 + 128 + 3 + 64 + 7, "%llu writes counted",
	      (unsigned long long)(after.writes - before.writes));
	check(after.written_bytes == (256 + 64 + 7) * 4096 + 512 + 1024 + 65536, "%llu bytes written counted",
	      (unsigned long long)after.written_bytes);
	check(after.changed_blocks == 128 + 1 + 2 + 3 + 2, "%llu blocks changed",
	      (unsigned long long)after.changed_blocks);
	for (int i = 0; i < BLKSNAP_LATENCY_BUCKETS; i++)
		waits += after.latency[i] - before.latency[i];
	check(waits == after.waited_writes - before.waited_writes &&
	      waits == 128 + 3 + 6 + waits_in_a_row,
	      "%llu waits in the histogram, %llu writes waited", (unsigned long long)waits,
	      (unsigned long long)(after.waited_writes - before.waited_writes));
	want(image_error(source.fd), 0);
	close(image);
	destroy(&id);
	source_close(&source);
	return 0;
}
