// SPDX-License-Identifier: GPL-2.0
/*
 * a storage file grows in portions, ahead of need and up to the limit; nothing of it is left afterwards (fault 21)
 * timeout: 180
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "source.h"

#define PORTION	(2 * MIB)
#define LIMIT	(11 * MIB)	/* not a multiple of the portion */

static uint64_t free_bytes(const char *dir)
{
	struct statvfs st;

	check(!statvfs(dir, &st), "statvfs");
	return (uint64_t)st.f_bfree * st.f_frsize;
}

static struct blksnap_snapshot_stat figures(const struct blksnap_uuid *id)
{
	struct blksnap_snapshot_stat stat;

	must(snap_stat(control(), id, &stat));
	return stat;
}

static void grow(const struct source *source, const char *dir, uint64_t seed)
{
	uint64_t before = free_bytes(dir), allocated = 0, last = 0;
	struct blksnap_uuid id = take_one(dir, LIMIT, source);
	int image = image_open(source->fd, O_RDONLY | O_DIRECT), portions = 0;

	for (uint64_t at = 0; at < 10 * MIB; at += 256 << 10) {
		seed_write(source->fd, 256 << 10, at, seed);
		allocated = figures(&id).allocated_sect * SECTOR;
		check(allocated <= LIMIT, "%llu bytes allocated, the limit is %llu",
		      (unsigned long long)allocated, LIMIT);
		check(allocated - last <= PORTION, "grown by %llu bytes at once",
		      (unsigned long long)(allocated - last));
		portions += allocated > last;
		last = allocated;
		usleep(20000);	/* time to grow ahead of the writer */
	}
	check(portions > 3, "the storage grew %d times", portions);
	check(before - free_bytes(dir) >= allocated, "%llu bytes gone from the file system, of %llu allocated",
	      (unsigned long long)(before - free_bytes(dir)), (unsigned long long)allocated);
	check(before - free_bytes(dir) <= LIMIT + MIB, "%llu bytes gone from the file system",
	      (unsigned long long)(before - free_bytes(dir)));
	want(image_error(source->fd), 0);
	seed_check(image, source->size, 0, seed - 1);

	/* The rest of the limit can be used as well, and not more. */
	seed_write(source->fd, MIB, 10 * MIB, seed);
	want(image_error(source->fd), 0);
	seed_check(image, source->size, 0, seed - 1);
	seed_write(source->fd, source->size, 0, seed);
	want(image_error_soon(source->fd), -ENOSPC);
	close(image);
	destroy(&id);
	for (int i = 0; i < 100 && free_bytes(dir) + MIB < before; i++)
		usleep(50000);
	check(free_bytes(dir) + MIB >= before, "%llu bytes not given back",
	      (unsigned long long)(before - free_bytes(dir)));
}

int main(void)
{
	struct source source = source_open(sh("dev_null 16"));

	must(param_set("diff_storage_minimum", PORTION / SECTOR));
	seed_write(source.fd, source.size, 0, 1);
	grow(&source, "/tmp", 2);
	grow(&source, sh("d=$(dev_null 64); mkfs.ext4 -q $d; mkdir /tmp/m; mount $d /tmp/m; echo /tmp/m"), 3);
	source_close(&source);
	return 0;
}
