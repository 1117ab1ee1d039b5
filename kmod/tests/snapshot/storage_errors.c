// SPDX-License-Identifier: GPL-2.0
/*
 * I/O errors of the storage, on writing and on reading, fail the image and never a write to the source
 * timeout: 180
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

static struct source source;

static void corrupted(const struct blksnap_uuid *id)
{
	struct blksnap_event_corrupted corrupted;
	struct blksnap_snapshot_event event;
	int error;

	must(snap_event(control(), id, 5000, &event));
	check(event.code == BLKSNAP_EVENT_CODE_CORRUPTED, "event %u", event.code);
	memcpy(&corrupted, event.data, sizeof(corrupted));
	check(corrupted.err_code > 0, "error %d", corrupted.err_code);
	error = image_error(source.fd);
	check(error == -corrupted.err_code, "error %d, the event said %d", error,
	      corrupted.err_code);
}

static void unreadable(int image)
{
	void *buf = io_alloc(4096);

	for (uint64_t at = 0; at < source.size; at += MIB)
		check(pread(image, buf, 4096, at) < 0, "a corrupted image is readable at %llu",
		      (unsigned long long)at);
	free(buf);
}

static void error_on_writing(const char *storage, uint64_t seed)
{
	struct blksnap_uuid id = take_one(storage, 24 * MIB, &source);
	int image = image_open(source.fd, O_RDONLY | O_DIRECT);

	seed_write(source.fd, MIB, 0, seed);
	seed_check(image, MIB, 0, seed - 1);
	sh("dm_table bad '0 65536 error'");
	seed_write(source.fd, source.size, 0, seed);
	seed_check(source.fd, source.size, 0, seed);
	corrupted(&id);
	unreadable(image);
	close(image);
	sh("dm_table bad '0 65536 linear /dev/nullb1 0'");
	destroy(&id);
}

static void error_on_reading(const char *storage, uint64_t seed)
{
	struct blksnap_uuid id = take_one(storage, 24 * MIB, &source);
	struct blksnap_snapshot_event event;
	int image = image_open(source.fd, O_RDONLY | O_DIRECT);
	void *buf = io_alloc(65536);

	seed_write(source.fd, 4 * MIB, 0, seed);
	seed_check(image, 4 * MIB, 0, seed - 1);
	want(snap_event(control(), &id, 0, &event), -ENOENT);
	sh("dm_table bad '0 65536 error'");
	check(pread(image, buf, 65536, MIB) < 0, "a read of lost data succeeded");
	corrupted(&id);
	unreadable(image);
	seed_write(source.fd, 8 * MIB, 0, seed);
	seed_check(source.fd, 8 * MIB, 0, seed);
	close(image);
	sh("dm_table bad '0 65536 linear /dev/nullb1 0'");
	destroy(&id);
}

/*
 * Direct I/O in sectors is not for a file system of larger blocks: from the first such read
 * on all goes by way of the page cache, which must not keep an error to itself.
 */
static void error_behind_the_cache(uint64_t seed)
{
	void *buf = io_alloc(SECTOR);
	struct blksnap_uuid id;
	int image;

	sh("d=$(dev_null 32 blocksize=4096); dm bad4k \"0 65536 linear $d 0\"");
	sh("mkfs.ext4 -q /dev/mapper/bad4k; mkdir /tmp/m4k; mount -o errors=continue /dev/mapper/bad4k /tmp/m4k");
	id = take_one("/tmp/m4k", 16 * MIB, &source);
	image = image_open(source.fd, O_RDONLY | O_DIRECT);
	seed_write(source.fd, MIB, 0, seed);
	usleep(300000);		/* stored by then, and not in memory any more */
	check(pread(image, buf, SECTOR, SECTOR) == SECTOR, "a sector of the image cannot be read");
	sh("dm_table bad4k '0 65536 error'");
	seed_write(source.fd, MIB, 2 * MIB, seed);
	corrupted(&id);
	close(image);
	destroy(&id);
	free(buf);
}

int main(void)
{
	const char *storage;

	source = source_open(sh("dev_null 16"));
	storage = sh("d=$(dev_null 32); dm bad \"0 65536 linear $d 0\"");
	seed_write(source.fd, source.size, 0, 1);
	error_on_writing(storage, 2);
	seed_write(source.fd, source.size, 0, 2);
	error_on_reading(storage, 3);
	seed_write(source.fd, source.size, 0, 3);

	/* A file system below which the device fails. */
	sh("mkfs.ext4 -q %s; mkdir /tmp/m; mount -o errors=continue %s /tmp/m", storage, storage);
	error_on_writing("/tmp/m", 4);
	error_behind_the_cache(5);
	source_close(&source);
	return 0;
}
