// SPDX-License-Identifier: GPL-2.0
/*
 * memory and I/O failures injected into the module: no write to the source fails, no image lies, the map stays right
 * kernels: sanitizer
 * timeout: 300
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"
#include "source.h"
#include "writers.h"

#define DEBUG "/sys/kernel/debug/"

static struct source source;
static struct writers *writers;
static uint8_t *content, *touched;
static unsigned int intact, failed, refused, all_intact, all_failed;

static unsigned long module_number(const char *name)
{
	char path[64], text[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/blksnap/%s", name);
	f = fopen(path, "r");
	check(f && fgets(text, sizeof(text), f), "%s cannot be read", path);
	fclose(f);
	return strtoul(text, NULL, 0);
}

/* Only what is called from blksnap fails, in whatever thread that is. */
static void inject(const char *what, int percent)
{
	unsigned long start = module_number("sections/.text");

	sh("cd " DEBUG "%s; echo 0 >probability; echo -1 >times; echo 0 >verbose;"
	   "if [ -e min-order ]; then echo 0 >min-order; fi;"
	   "if [ -e ignore-gfp-wait ]; then echo 0 >ignore-gfp-wait; fi;"
	   "if [ -e require-start ]; then echo 0x%lx >require-start; echo 0x%lx >require-end; fi;"
	   "echo %d >probability", what, start, start + module_number("coresize"), percent);
}

static void calm(const char *what)
{
	sh("echo 0 >" DEBUG "%s/probability", what);
}

/* What is not promised to succeed is asked again without injection. */
static bool try_take(struct blksnap_uuid *id, const char *storage)
{
	int ret = snap_create(control(), storage, 32 * MIB / SECTOR, id);

	if (ret)
		return false;
	ret = snap_add(source.fd, id);
	if (!ret)
		ret = snap_take(control(), id);
	if (ret)
		must(snap_destroy(control(), id));
	return !ret;
}

static void read_image(void)
{
	struct blksnap_snapshotinfo info;
	bool whole = true;
	char path[64];
	int image;

	must(snap_info(source.fd, &info));
	snprintf(path, sizeof(path), "/dev/%.32s", info.image);
	image = open_dev(path, O_RDONLY | O_DIRECT);
	for (uint64_t at = 0; at < source.size && whole; at += 65536)
		whole = pread(image, content + at, 65536, at) == 65536;
	close(image);
	if (!whole) {
		failed++;
		return;
	}
	check(!writers_judge(writers, content, touched), "the image lies");
	intact++;
}

/* With @early the take meets failures too, and may be refused. */
static void round_once(const char *storage, const char *what, int percent, bool early)
{
	struct blksnap_uuid id;
	bool taken;

	if (early)
		inject(what, percent);
	writers_before_take(writers);
	taken = try_take(&id, storage);
	writers_after_take(writers);
	check(taken || early, "a take without injection fails");
	if (!taken) {
		refused++;
		calm(what);
		return;
	}
	if (!early)
		inject(what, percent);
	usleep(100000);
	read_image();
	calm(what);
	must(snap_destroy(control(), &id));
}

static void rounds(const char *storage, const char *what, int percent)
{
	static const int early = 3, late = 3;

	intact = failed = refused = 0;
	for (int i = 0; i < early + late; i++)
		round_once(storage, what, percent, i < early);
	printf("%s %d %%: %u images intact, %u failed, %u takes refused\n", what, percent, intact,
	       failed, refused);
	fflush(stdout);
	check(intact + failed >= late, "%u images only were copied to and read", intact + failed);
	all_intact += intact;
	all_failed += failed;
}

/* After all that a snapshot without injection works, and its increment is right. */
static void check_sound(void)
{
	struct blksnap_cbtinfo info;
	struct blksnap_uuid id;
	uint8_t base, *map;
	int image;

	for (int i = 0; i < 2; i++) {
		must(cbt_info(source.fd, &info));
		base = info.changes_number;
		writers_before_take(writers);
		id = take_one("/tmp", 32 * MIB, &source);
		writers_after_take(writers);
		image = image_open(source.fd, O_RDONLY | O_DIRECT);
		read_all(image, content, source.size, 0);
		memset(touched, 0, source.size / SECTOR);
		check(!writers_judge(writers, content, touched), "the image is wrong");
		map = cbt_map_all(source.fd, &info);
		for (uint32_t b = 0; i && b < info.block_count; b++) {
			uint32_t per = info.block_size / SECTOR;

			check((map[b] > base) == !!memchr(touched + b * per, 1, per),
			      "block %u has %u, base is %u", b, map[b], base);
		}
		free(map);
		close(image);
		destroy(&id);
	}
}

int main(void)
{
	struct writers_config config = {
		.threads = 2, .max_sectors = 128, .pause_us = 2000, .seed = random_seed(),
	};
	const char *disk;

	source = source_open(sh("dev_null 4"));
	content = io_alloc(source.size);
	touched = calloc(source.size / SECTOR, 1);
	disk = sh("dev_null 32");
	config.path = source.path;
	config.sectors = source.size / SECTOR;
	writers = writers_start(&config);
	rounds("/tmp", "failslab", 2);
	rounds("/tmp", "failslab", 20);
	rounds("/tmp", "fail_page_alloc", 10);
	rounds(disk, "failslab", 5);
	sh("echo 1 >/sys/block/%s/make-it-fail", strrchr(disk, '/') + 1);
	rounds(disk, "fail_make_request", 3);
	/* Otherwise failures did not come where they matter, or nothing gets over one. */
	check(all_intact && all_failed, "%u images intact, %u failed", all_intact, all_failed);
	check_sound();
	writers_stop(writers);
	source_close(&source);
	return 0;
}
