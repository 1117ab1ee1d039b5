// SPDX-License-Identifier: GPL-2.0
/*
 * a full difference storage fails the image and tells so; the source is unharmed, and the next snapshot works
 * timeout: 180
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "source.h"

#define LIMIT (2 * MIB)

static void check_events(const struct source *source, const struct blksnap_uuid *id)
{
	struct blksnap_snapshot_event event;
	struct blksnap_event_corrupted corrupted;
	struct blksnap_event_no_space no_space;
	bool seen_corrupted = false, seen_no_space = false;
	struct stat st;
	int ret;

	check(!fstat(source->fd, &st), "fstat");
	while (!(ret = snap_event(control(), id, 2000 * !seen_corrupted, &event))) {
		switch (event.code) {
		case BLKSNAP_EVENT_CODE_CORRUPTED:
			memcpy(&corrupted, event.data, sizeof(corrupted));
			check(!seen_corrupted, "corrupted twice");
			check(corrupted.dev_id_mj == major(st.st_rdev) &&
			      corrupted.dev_id_mn == minor(st.st_rdev), "corrupted: %u:%u",
			      corrupted.dev_id_mj, corrupted.dev_id_mn);
			check(corrupted.err_code == ENOSPC, "corrupted: error %d",
			      corrupted.err_code);
			seen_corrupted = true;
			break;
		case BLKSNAP_EVENT_CODE_NO_SPACE:
			memcpy(&no_space, event.data, sizeof(no_space));
			/* The size that it would have had to have, not what of it is missing. */
			check(no_space.requested_nr_sect > LIMIT / SECTOR &&
			      no_space.requested_nr_sect <= (LIMIT + source->size) / SECTOR,
			      "no space: %llu sectors wanted, with a limit of %llu",
			      (unsigned long long)no_space.requested_nr_sect,
			      (unsigned long long)LIMIT / SECTOR);
			seen_no_space = true;
			break;
		default:
			fail("event %u", event.code);
		}
	}
	want(ret, -ENOENT);
	check(seen_no_space && seen_corrupted, "events: no_space %d, corrupted %d", seen_no_space,
	      seen_corrupted);
}

static void overflow(const struct source *source, const char *storage, uint64_t seed)
{
	struct blksnap_uuid id = take_one(storage, LIMIT, source);
	struct blksnap_snapshot_stat stat;
	int image = image_open(source->fd, O_RDONLY | O_DIRECT);
	void *buf = io_alloc(4096);

	seed_check(image, source->size, 0, seed - 1);
	seed_write(source->fd, source->size, 0, seed);	/* every write has to succeed */
	seed_check(source->fd, source->size, 0, seed);
	want(image_error_soon(source->fd), -ENOSPC);
	for (uint64_t at = 0; at < source->size; at += MIB)
		check(pread(image, buf, 4096, at) < 0, "a corrupted image is readable at %llu",
		      (unsigned long long)at);
	must(snap_stat(control(), &id, &stat));
	check(stat.allocated_sect <= LIMIT / SECTOR && stat.limit_sect == LIMIT / SECTOR,
	      "%llu sectors allocated of %llu", (unsigned long long)stat.allocated_sect,
	      (unsigned long long)LIMIT / SECTOR);
	check_events(source, &id);
	close(image);
	destroy(&id);
	free(buf);
}

int main(void)
{
	struct source source = source_open(sh("dev_null 16"));

	seed_write(source.fd, source.size, 0, 1);
	overflow(&source, "/tmp", 2);
	overflow(&source, sh("truncate -s 1M /tmp/file; echo /tmp/file"), 3);
	overflow(&source, sh("dev_null 2"), 4);
	source_close(&source);
	return 0;
}
