// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "volume.h"

static uint8_t *scratch(size_t length)
{
	static uint8_t *buf;
	static size_t size;

	if (size < length) {
		free(buf);
		buf = io_alloc(size = length);
	}
	return buf;
}

void volume_attach(struct volume *v)
{
	struct blksnap_cbtinfo info;
	struct blksnap_cbtepoch epoch;

	must(cbt_info(v->source.fd, &info));
	must(cbt_epoch(v->source.fd, &epoch));
	if (info.device_capacity != v->size)
		fail("capacity %llu, must be %llu", (unsigned long long)info.device_capacity,
		     (unsigned long long)v->size);
	if (!memcmp(&info.generation_id, &v->generation, sizeof(v->generation)))
		fail("attach anew, and the generation is the old one");
	v->generation = info.generation_id;
	v->tracking = epoch.tracking_id;
	v->block_size = info.block_size;
	v->blocks = info.block_count;
	v->epoch = v->map_epoch = 0;
	free(v->written);
	free(v->readable);
	v->written = calloc(v->blocks, sizeof(*v->written));
	v->readable = calloc(v->blocks, sizeof(*v->readable));
}

void volume_open(struct volume *v, char *path)
{
	memset(v, 0, sizeof(*v));
	v->source = source_open(path);
	v->size = v->source.size;
	v->data = io_alloc(v->size);
	v->released = calloc(v->size / UNIT + 1, 1);
	read_all(v->source.fd, v->data, v->size, 0);
	volume_attach(v);
}

static void mark(const struct volume *v, uint64_t *map, uint64_t at, uint64_t length,
		 uint64_t epoch)
{
	for (uint64_t b = at / v->block_size; b <= (at + length - 1) / v->block_size; b++)
		map[b] = epoch;
}

void volume_wrote(struct volume *v, uint64_t at, uint64_t length)
{
	mark(v, v->written, at, length, v->epoch + 1);
}

void volume_dirtied(struct volume *v, uint64_t at, uint64_t length)
{
	mark(v, v->written, at, length, v->epoch + 1);
	/* Before the first take there is no closed number, but 0 would mean no change. */
	mark(v, v->readable, at, length, v->epoch ? v->epoch : 1);
}

void volume_took(struct volume *v)
{
	v->epoch++;
	memcpy(v->readable, v->written, v->blocks * sizeof(*v->readable));
	v->image = io_alloc(v->size);
	memcpy(v->image, v->data, v->size);
	memset(v->released, 0, v->size / UNIT + 1);
	v->copy_unit = 1u << param_get("copy_unit_shift");
	v->release = false;
}

void volume_dropped(struct volume *v)
{
	free(v->image);
	v->image = NULL;
}

void volume_discarded_image(struct volume *v, uint64_t at, uint64_t length)
{
	uint64_t first = (at + v->copy_unit - 1) / v->copy_unit * v->copy_unit;
	uint64_t end = (at + length) / v->copy_unit * v->copy_unit;

	if (first < end)
		memset(v->released + first / UNIT, 1, (end - first) / UNIT);
}

bool volume_kept(const struct volume *v, uint64_t at, uint64_t length)
{
	uint64_t first = at / UNIT;

	return !memchr(v->released + first, 1, (at + length - 1) / UNIT - first + 1);
}

/* A take may have renumbered the map: old clients must then see a new generation. */
static void follow_epochs(struct volume *v, const struct blksnap_cbtinfo *info)
{
	struct blksnap_cbtepoch epoch;
	bool renumbered, anew;

	must(cbt_epoch(v->source.fd, &epoch));
	renumbered = epoch.map_epoch != v->map_epoch;
	anew = memcmp(&info->generation_id, &v->generation, sizeof(v->generation));
	if (memcmp(&epoch.tracking_id, &v->tracking, sizeof(v->tracking)))
		fail("history was lost: another tracking id");
	if (epoch.epoch != v->epoch)
		fail("epoch %llu, must be %llu", (unsigned long long)epoch.epoch,
		     (unsigned long long)v->epoch);
	if (anew != renumbered)
		fail("the map was %srenumbered, the generation is %s", renumbered ? "" : "not ",
		     anew ? "new" : "the old one");
	if (epoch.map_epoch > v->epoch || epoch.oldest_base > v->epoch ||
	    (v->epoch > 127 ? epoch.oldest_base > v->epoch - 127 : epoch.oldest_base))
		fail("epoch %llu, of value 1 %llu, oldest base %llu",
		     (unsigned long long)v->epoch, (unsigned long long)epoch.map_epoch,
		     (unsigned long long)epoch.oldest_base);
	if (info->changes_number != v->epoch - epoch.map_epoch)
		fail("changes number %u in epoch %llu, value 1 is of epoch %llu",
		     info->changes_number, (unsigned long long)v->epoch,
		     (unsigned long long)epoch.map_epoch + 1);
	v->map_epoch = epoch.map_epoch;
	v->generation = info->generation_id;
}

void volume_check_map(struct volume *v)
{
	struct blksnap_cbtinfo info;
	uint8_t *map = cbt_map_all(v->source.fd, &info);

	if (info.block_count != v->blocks || info.block_size != v->block_size ||
	    info.device_capacity != v->size)
		fail("the map is %u blocks of %u, must be %u of %u", info.block_count,
		     info.block_size, v->blocks, v->block_size);
	follow_epochs(v, &info);
	for (uint32_t i = 0; i < v->blocks; i++) {
		uint64_t want = v->readable[i];

		if (want)
			want = want > v->map_epoch ? want - v->map_epoch : 1;
		if (map[i] != want)
			fail("map byte %u is %u, must be %llu; epoch %llu, map epoch %llu, block last written in epoch %llu",
			     i, map[i], (unsigned long long)want, (unsigned long long)v->epoch,
			     (unsigned long long)v->map_epoch,
			     (unsigned long long)v->readable[i]);
	}
	free(map);
}

static void compare(int fd, const uint8_t *with, uint64_t at, uint64_t length, const char *what)
{
	uint8_t *buf = scratch(length);

	read_all(fd, buf, length, at);
	for (uint64_t i = 0; i < length; i++)
		if (buf[i] != with[at + i])
			fail("byte %llu of the %s is %#x, must be %#x (read of %llu at %llu)",
			     (unsigned long long)(at + i), what, buf[i], with[at + i],
			     (unsigned long long)length, (unsigned long long)at);
}

void volume_check_data(struct volume *v, uint64_t at, uint64_t length)
{
	compare(v->source.fd, v->data, at, length, "device");
}

void volume_check_image(struct volume *v, int image, uint64_t at, uint64_t length)
{
	if (volume_kept(v, at, length)) {
		compare(image, v->image, at, length, "image");
		return;
	}
	if (pread(image, scratch(length), length, at) == (ssize_t)length)
		fail("image read of %llu at %llu succeeds although some of it is released",
		     (unsigned long long)length, (unsigned long long)at);
}
