// SPDX-License-Identifier: GPL-2.0
/*
 * a file system that is full before the limit is reached fails the image, tells so, and harms nothing else
 * timeout: 180
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "source.h"

static void fill_up(const struct source *source, const char *dir, uint64_t seed)
{
	struct blksnap_uuid id = take_one(dir, 256 * MIB, source);
	struct blksnap_snapshot_event event;
	bool no_space = false, corrupted = false;
	char byte;
	int image = image_open(source->fd, O_RDONLY);

	seed_write(source->fd, source->size, 0, seed);
	seed_check(source->fd, source->size, 0, seed);
	want(image_error_soon(source->fd), -ENOSPC);
	while (!snap_event(control(), &id, 500, &event)) {
		no_space |= event.code == BLKSNAP_EVENT_CODE_NO_SPACE;
		corrupted |= event.code == BLKSNAP_EVENT_CODE_CORRUPTED;
	}
	check(no_space && corrupted, "events: no_space %d, corrupted %d", no_space, corrupted);
	check(pread(image, &byte, 1, 0) < 0, "a corrupted image is readable");
	close(image);
	destroy(&id);
}

int main(void)
{
	struct source source = source_open(sh("dev_null 48"));

	must(param_set("diff_storage_minimum", 8 * MIB / SECTOR));
	seed_write(source.fd, source.size, 0, 1);
	fill_up(&source, sh("mkdir /tmp/t; mount -t tmpfs -o size=20M t /tmp/t; echo /tmp/t"), 2);
	fill_up(&source, sh("d=$(dev_null 24); mkfs.ext4 -q $d; mkdir /tmp/m; mount $d /tmp/m; echo /tmp/m"), 3);
	source_close(&source);
	return 0;
}
