// SPDX-License-Identifier: GPL-2.0
/*
 * image I/O of every size and alignment, over chunk edges, is what it must be; the source never changes (fault 14)
 * timeout: 300
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"
#include "source.h"

#define LARGEST (2 * MIB)

static struct source source;
static uint8_t *original, *model, *buf; /* device at the take; image as it must be; scratch */
static uint64_t rng;
static int image, buffered;

static void compare(int fd, const uint8_t *with, uint64_t at, uint64_t length, const char *what)
{
	memset(buf, 0xee, length);
	read_all(fd, buf, length, at);
	for (uint64_t i = 0; i < length; i++)
		if (buf[i] != with[at + i])
			fail("%s of %llu bytes at %llu: byte %llu is %#x, must be %#x", what,
			     (unsigned long long)length, (unsigned long long)at,
			     (unsigned long long)i, buf[i], with[at + i]);
}

static void write_image(int fd, uint64_t at, uint64_t length)
{
	for (uint64_t i = 0; i < length; i += 8) {
		uint64_t word = random_next(&rng);

		memcpy(buf + i, &word, length - i < 8 ? length - i : 8);
	}
	memcpy(model + at, buf, length);
	/* In one piece, unlike write_all(): 1 MiB and more is what fault 14 needs. */
	if (pwrite(fd, buf, length, at) != (ssize_t)length)
		fail("fault 14: write of %llu bytes at %llu to the image",
		     (unsigned long long)length, (unsigned long long)at);
}

static void overwrite_source(uint64_t at, uint64_t length)
{
	memset(buf, 0x11, length);
	write_all(source.fd, buf, length, at);
}

/* Places before, on and behind the edges of units and chunks. */
static const int64_t places[] = { 0, -512, 512, -4096, 4096, -1536, 4608 };
static const uint64_t sizes[] = {
	512, 1024, 1536, 4096, 4608, 8192, 65536, 65536 + 512, 256 << 10, (256 << 10) + 512,
	(1 << 20) - 512, 1 << 20, (1 << 20) + 4096, LARGEST,
};

static void every_size(uint64_t edge, bool write)
{
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		for (size_t p = 0; p < sizeof(places) / sizeof(*places); p++) {
			uint64_t at = edge + places[p];

			if (at + sizes[s] > source.size)
				continue;
			if (write)
				write_image(image, at, sizes[s]);
			compare(image, model, at, sizes[s], write ? "what was written" : "read");
		}
	}
}

/* Buffered I/O and odd bytes, through the image's page cache. */
static void buffered_io(void)
{
	for (int i = 0; i < 40; i++) {
		uint64_t length = 1 + random_below(&rng, 300000);
		uint64_t at = random_below(&rng, source.size - length);

		if (i % 2)
			write_image(buffered, at, length);
		compare(buffered, model, at, length, "buffered");
	}
	if (fsync(buffered))
		fail("fsync of the image");
}

static void random_mix(unsigned int steps)
{
	for (unsigned int i = 0; i < steps; i++) {
		uint64_t length = (1 + random_below(&rng, 600)) * 512;
		uint64_t at = random_below(&rng, (source.size - length) / 512) * 512;

		switch (random_below(&rng, 4)) {
		case 0:
			write_image(image, at, length);
			break;
		case 1:
			overwrite_source(at, length);
			memset(original + at, 0x11, length);
			break;
		default:
			compare(image, model, at, length, "read");
		}
	}
}

static uint8_t number(void)
{
	struct blksnap_cbtinfo info;

	must(cbt_info(source.fd, &info));
	return info.changes_number;
}

/* Image writes count as changes, in both maps: for this increment and for the next. */
static void check_counted(uint64_t at, const char *when, uint8_t base)
{
	struct blksnap_cbtinfo info;
	uint8_t *map = cbt_map_all(source.fd, &info);

	if (map[at / info.block_size] <= base)
		fail("%s: the block of an image write has %u, base is %u", when,
		     map[at / info.block_size], base);
	free(map);
}

int main(void)
{
	struct blksnap_uuid id;
	uint8_t before;

	rng = random_seed();
	source = source_open(sh("dev_null 16"));
	original = io_alloc(source.size);
	model = io_alloc(source.size);
	buf = io_alloc(LARGEST);
	for (uint64_t at = 0; at < source.size; at += MIB) {
		pattern_fill(original + at, at / SECTOR, MIB / SECTOR, 1, 0, 0);
		write_all(source.fd, original + at, MIB, at);
	}
	memcpy(model, original, source.size);

	/* A first snapshot, so that the blocks' numbers tell the maps apart. */
	id = take_one("/tmp", 64 * MIB, &source);
	destroy(&id);
	before = number();

	id = take_one("/tmp", 64 * MIB, &source);
	image = image_open(source.fd, O_RDWR | O_DIRECT);

	every_size(4 * MIB, false);
	every_size(4 * MIB, true);
	/* Half of the range kept already, by a write to the source. */
	overwrite_source(9 * MIB, 512 << 10);
	memset(original + 9 * MIB, 0x11, 512 << 10);
	every_size(9 * MIB + (512 << 10), false);
	every_size(9 * MIB + (512 << 10), true);
	write_image(image, 0, 512);
	write_image(image, source.size - 512, 512);
	random_mix(300);
	compare(source.fd, original, 0, LARGEST, "source");
	buffered = image_open(source.fd, O_RDWR);
	buffered_io();
	close(buffered);

	for (uint64_t at = 0; at < source.size; at += MIB) {
		compare(image, model, at, MIB, "the whole image");
		compare(source.fd, original, at, MIB, "the whole source");
	}
	check_counted(0, "readable map", before);
	close(image);
	if (image_error(source.fd))
		fail("the snapshot failed with %d", image_error(source.fd));
	destroy(&id);

	before = number();
	id = take_one("/tmp", 64 * MIB, &source);
	check_counted(0, "the next increment", before);
	destroy(&id);
	source_close(&source);
	return 0;
}
