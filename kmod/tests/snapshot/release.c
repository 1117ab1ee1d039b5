// SPDX-License-Identifier: GPL-2.0
/*
 * released ranges of an image are freed, not copied any more, and unreadable; the others are as before
 * timeout: 180
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "source.h"

#define LIMIT (6 * MIB)

static struct source source;
static struct blksnap_uuid id;
static int image;

static struct blksnap_device_stat figures(void)
{
	struct blksnap_device_stat stat;

	must(dev_stat(source.fd, &stat));
	return stat;
}

static uint64_t used(void)
{
	struct blksnap_snapshot_stat stat;

	must(snap_stat(control(), &id, &stat));
	return stat.used_sect * SECTOR;
}

static void release(uint64_t at, uint64_t length)
{
	uint64_t range[2] = { at, length };

	check(!ioctl(image, BLKDISCARD, range), "release: %s", errno_name(errno));
}

static void unreadable(uint64_t at, uint64_t length)
{
	void *buf = io_alloc(4096);

	for (uint64_t i = 0; i < length; i += 4096)
		want(pread(image, buf, 4096, at + i) < 0 ? -errno : 0, -EIO);
	free(buf);
}

int main(void)
{
	struct blksnap_device_stat before;

	source = source_open(sh("dev_null 16"));
	seed_write(source.fd, source.size, 0, 1);
	id = take_one("/tmp", LIMIT, &source);
	image = image_open(source.fd, O_RDWR | O_DIRECT);
	must(snap_release(source.fd, true));

	seed_write(source.fd, 4 * MIB, 0, 2);
	check(figures().copied_bytes == 4 * MIB, "%llu bytes copied of 4 MiB overwritten",
	      (unsigned long long)figures().copied_bytes);
	check(used() >= 4 * MIB, "%llu bytes used", (unsigned long long)used());

	/* Stored ranges: their place is free for others, or the limit would be reached below. */
	release(0, 4 * MIB);
	for (int i = 0; i < 100 && used(); i++)
		usleep(50000);	/* what is still being stored is freed when it is done */
	check(!used(), "%llu bytes still used", (unsigned long long)used());
	check(figures().released_bytes == 4 * MIB, "%llu bytes released",
	      (unsigned long long)figures().released_bytes);
	seed_write(source.fd, 4 * MIB, 4 * MIB, 3);
	want(image_error(source.fd), 0);

	/* Ranges never stored: no write to them is copied, none waits. */
	release(8 * MIB, 4 * MIB);
	before = figures();
	seed_write(source.fd, 4 * MIB, 8 * MIB, 4);
	seed_write(source.fd, 4 * MIB, 0, 4);
	check(figures().copied_bytes == before.copied_bytes, "a released range was copied");
	check(figures().waited_writes == before.waited_writes, "a write to a released range waited");
	check(figures().writes > before.writes, "writes are not counted");

	/* Of a write across the edge of a range, what lies outside is copied. */
	seed_write(source.fd, 8192, 12 * MIB - 4096, 4);
	seed_write(source.fd, 8192, 8 * MIB - 4096, 4);
	check(figures().copied_bytes == before.copied_bytes + 4096,
	      "%llu bytes copied beside a released range, of which half was kept already",
	      (unsigned long long)(figures().copied_bytes - before.copied_bytes));
	before = figures();

	unreadable(0, 4 * MIB);
	unreadable(8 * MIB, 4 * MIB);
	seed_check(image, 4 * MIB, 4 * MIB, 1);
	seed_check(image, 4 * MIB, 12 * MIB, 1);

	/* One unit in between, and its neighbours. */
	release(13 * MIB + 4096, 4096);
	unreadable(13 * MIB + 4096, 4096);
	seed_write(source.fd, MIB, 13 * MIB, 5);
	seed_check(image, 4096, 13 * MIB, 1);
	seed_check(image, MIB - 8192, 13 * MIB + 8192, 1);
	check(figures().copied_bytes == before.copied_bytes + MIB - 4096,
	      "%llu bytes copied around a released unit",
	      (unsigned long long)(figures().copied_bytes - before.copied_bytes));

	/* Unit by unit, all of a tracking block but its last one, which is kept still. */
	before = figures();
	for (int i = 0; i < 15; i++)
		release(14 * MIB + i * 4096, 4096);
	seed_write(source.fd, 65536, 14 * MIB, 5);
	check(figures().copied_bytes == before.copied_bytes + 4096, "%llu bytes copied of one unit that was not released",
	      (unsigned long long)(figures().copied_bytes - before.copied_bytes));
	seed_check(image, 4096, 14 * MIB + 15 * 4096, 1);
	/* From then on nothing of the block is copied. */
	release(14 * MIB + 15 * 4096, 4096);
	seed_write(source.fd, 65536, 14 * MIB, 6);
	check(figures().copied_bytes == before.copied_bytes + 4096, "a block that was released unit by unit is copied");
	check(figures().released_bytes == 8 * MIB + 4096 + 65536, "%llu bytes released",
	      (unsigned long long)figures().released_bytes);

	/* Twice, and overlapping, is no error and counts once. */
	release(13 * MIB, MIB);
	release(0, 16 * MIB);
	check(figures().released_bytes == 16 * MIB, "%llu bytes released of 16 MiB",
	      (unsigned long long)figures().released_bytes);
	unreadable(0, 16 * MIB);
	want(image_error(source.fd), 0);

	/* The map does not change by it: nothing of the source was written. */
	close(image);
	destroy(&id);
	seed_check(source.fd, 4 * MIB, 8 * MIB, 4);

	/* What one image has released the next one keeps. */
	seed_write(source.fd, source.size, 0, 6);
	id = take_one("/tmp", LIMIT, &source);
	image = image_open(source.fd, O_RDONLY | O_DIRECT);
	seed_write(source.fd, 4 * MIB, 8 * MIB, 7);
	check(figures().copied_bytes == 4 * MIB, "%llu bytes copied of 4 MiB overwritten under the next snapshot",
	      (unsigned long long)figures().copied_bytes);
	seed_check(image, source.size, 0, 6);
	want(image_error(source.fd), 0);
	close(image);
	destroy(&id);
	source_close(&source);
	return 0;
}
