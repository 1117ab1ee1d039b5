// SPDX-License-Identifier: GPL-2.0
/*
 * what is copied is what is overwritten, in units of 4 KiB, once; and the figures say so
 * timeout: 180
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "source.h"

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
	seed_write(source.fd, 1024, 24 * MIB + 65536 - 512, 4);
	check(copied() == 131 * 4096, "%llu bytes copied", (unsigned long long)copied());

	/* Partly kept: only the rest is copied. */
	seed_write(source.fd, 65536, 24 * MIB + 65536 - 4096, 5);
	check(copied() == 131 * 4096 + 65536 - 8192, "%llu bytes copied",
	      (unsigned long long)copied());

	go_on(30 * MIB);
	seed_check(image, source.size, 0, 1);
	after = figures();
	check(after.writes - before.writes == 128 + 128 + 3 + 64, "%llu writes counted",
	      (unsigned long long)(after.writes - before.writes));
	check(after.written_bytes == (256 + 64) * 4096 + 512 + 1024 + 65536, "%llu bytes written counted",
	      (unsigned long long)after.written_bytes);
	check(after.changed_blocks == 128 + 1 + 2 + 3, "%llu blocks changed",
	      (unsigned long long)after.changed_blocks);
	for (int i = 0; i < BLKSNAP_LATENCY_BUCKETS; i++)
		waits += after.latency[i] - before.latency[i];
	check(waits == after.waited_writes - before.waited_writes &&
	      waits == 128 + 3 + waits_in_a_row,
	      "%llu waits in the histogram, %llu writes waited", (unsigned long long)waits,
	      (unsigned long long)(after.waited_writes - before.waited_writes));
	want(image_error(source.fd), 0);
	close(image);
	destroy(&id);
	source_close(&source);
	return 0;
}
