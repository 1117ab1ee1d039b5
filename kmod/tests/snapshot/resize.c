// SPDX-License-Identifier: GPL-2.0
/*
 * the source grows and shrinks at every stage, or is exchanged: the image stays, new sectors are tracked, the generation is new (fault 7, 15)
 * timeout: 180
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

#define SMALL	(8 * MIB)
#define LARGE	(12 * MIB)

struct resizable {
	const char *make;	/* prints the path of a device of SMALL bytes */
	const char *resize;	/* to %llu sectors */
	const char *exchange;	/* all that it holds, while it is closed; the size stays */
};

static const struct resizable kinds[] = {
	{ "d=$(dev_null 16); dm elastic \"0 16384 linear $d 0\"",
	  "dm_table elastic \"0 %llu linear /dev/nullb0 0\"" },
	{ "dev_loop 8 /tmp/back",
	  "truncate -s $((%llu * 512)) /tmp/back; losetup -c /dev/loop0",
	  "cp /tmp/back /tmp/other; losetup -d /dev/loop0; losetup /dev/loop0 /tmp/other" },
};

static struct source source;
static const struct resizable *kind;

static void resize(uint64_t size)
{
	sh(kind->resize, (unsigned long long)size / SECTOR);
	check(dev_size(source.fd) == size, "the device has %llu bytes, not %llu",
	      (unsigned long long)dev_size(source.fd), (unsigned long long)size);
}

static struct blksnap_cbtinfo info(void)
{
	struct blksnap_cbtinfo info;

	must(cbt_info(source.fd, &info));
	return info;
}

static void take_and_destroy(void)
{
	struct blksnap_uuid id = take_one("/tmp", 64 * MIB, &source);

	destroy(&id);
}

/* A new size, a new generation; and then a map that is right up to the new end. */
static void check_renewed(const struct blksnap_cbtinfo *before, uint64_t size)
{
	struct blksnap_cbtinfo now;
	uint8_t *map;

	take_and_destroy();
	now = info();
	check(now.device_capacity == size, "the map is of %llu bytes",
	      (unsigned long long)now.device_capacity);
	check(memcmp(&now.generation_id, &before->generation_id, 16), "the generation is the old one");
	seed_write(source.fd, 4096, size - 4096, 3);
	take_and_destroy();
	map = cbt_map_all(source.fd, &now);
	for (uint32_t i = 0; i < now.block_count; i++)
		check((map[i] == now.changes_number) == (i == now.block_count - 1),
		      "block %u has %u", i, map[i]);
	free(map);
}

static void while_attached(void)
{
	struct blksnap_cbtinfo before;

	take_and_destroy();
	before = info();
	resize(LARGE);
	check_renewed(&before, LARGE);
	before = info();
	resize(SMALL);
	check_renewed(&before, SMALL);
}

static void while_added(void)
{
	struct blksnap_cbtinfo before = info();
	struct blksnap_uuid id;
	int image;

	must(snap_create(control(), "/tmp", 64 * MIB / SECTOR, &id));
	must(snap_add(source.fd, &id));
	resize(LARGE);
	must(snap_take(control(), &id));
	image = image_open(source.fd, O_RDONLY | O_DIRECT);
	check(dev_size(image) == LARGE, "the image has %llu bytes",
	      (unsigned long long)dev_size(image));
	close(image);
	destroy(&id);
	check_renewed(&before, LARGE);
	resize(SMALL);
	take_and_destroy();
}

static void while_taken(void)
{
	struct blksnap_cbtinfo before = info();
	struct blksnap_uuid id;
	int image;

	seed_write(source.fd, SMALL, 0, 1);
	id = take_one("/tmp", 64 * MIB, &source);
	image = image_open(source.fd, O_RDONLY | O_DIRECT);
	seed_write(source.fd, MIB, 0, 2);
	resize(LARGE);
	check(dev_size(image) == SMALL, "the image has %llu bytes",
	      (unsigned long long)dev_size(image));
	seed_check(image, SMALL, 0, 1);
	seed_write(source.fd, LARGE - SMALL, SMALL, 2);	/* past the old end */
	seed_write(source.fd, MIB, SMALL - MIB / 2, 2);	/* across it */
	seed_write(source.fd, 4 * MIB, MIB, 2);		/* what has to be copied still */
	seed_check(image, SMALL, 0, 1);
	want(image_error(source.fd), 0);
	close(image);
	destroy(&id);
	check_renewed(&before, LARGE);
	resize(SMALL);
	take_and_destroy();
}

/* What is cut off cannot be read any more, but what has been kept can. */
static void cut_while_taken(void)
{
	struct blksnap_cbtinfo before;
	struct blksnap_uuid id;
	void *buf = io_alloc(4096);
	int image;

	resize(LARGE);
	take_and_destroy();
	before = info();
	seed_write(source.fd, LARGE, 0, 1);
	id = take_one("/tmp", 64 * MIB, &source);
	image = image_open(source.fd, O_RDONLY | O_DIRECT);
	seed_write(source.fd, MIB, 0, 2);
	resize(SMALL);
	seed_write(source.fd, MIB, 2 * MIB, 2);
	if (!image_error(source.fd))
		seed_check(image, SMALL, 0, 1);
	check(pread(image, buf, 4096, LARGE - 4096) < 0 || !seed_differs(image, 4096, LARGE - 4096, 1),
	      "the image shows false data where the device was cut off");
	close(image);
	destroy(&id);
	check_renewed(&before, SMALL);
	free(buf);
}

/* It has its size again, but not what it held. */
static void there_and_back(void)
{
	struct blksnap_cbtinfo before;

	take_and_destroy();
	before = info();
	resize(LARGE);
	info();
	resize(SMALL);
	check_renewed(&before, SMALL);
}

static void exchanged(void)
{
	struct blksnap_cbtinfo before = info();

	close(source.fd);
	sh("%s", kind->exchange);
	source.fd = open_dev(source.path, O_RDWR | O_DIRECT);
	check_renewed(&before, SMALL);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		kind = &kinds[i];
		source = source_open(sh("%s", kind->make));
		while_attached();
		while_added();
		while_taken();
		cut_while_taken();
		there_and_back();
		if (kind->exchange)
			exchanged();
		source_close(&source);
	}
	return 0;
}
