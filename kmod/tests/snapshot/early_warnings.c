// SPDX-License-Identifier: GPL-2.0
/*
 * watermark, change threshold, resize and removal raise their events, once, to those who subscribed, and poll() tells
 * timeout: 180
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "source.h"

static struct source source;

static bool readable(int fd, int timeout_ms)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, timeout_ms) == 1 && p.revents & POLLIN;
}

static void of_this_device(uint32_t mj, uint32_t mn)
{
	struct stat st;

	check(!fstat(source.fd, &st), "fstat");
	check(mj == major(st.st_rdev) && mn == minor(st.st_rdev), "event of device %u:%u", mj, mn);
}

static void wait_for(int fd, const struct blksnap_uuid *id, uint32_t code,
		     struct blksnap_snapshot_event *event)
{
	check(readable(fd, 5000), "poll: nothing for event %u", code);
	must(snap_event(fd, id, 0, event));
	check(event->code == code, "event %u instead of %u", event->code, code);
	check(event->time_label > 0, "an event without time");
}

static void quiet(int fd, const struct blksnap_uuid *id)
{
	struct blksnap_snapshot_event event;

	check(!readable(fd, 200), "poll: there should be nothing");
	want(snap_event(fd, id, 0, &event), -ENOENT);
}

static void watermark(void)
{
	struct blksnap_uuid id = take_one("/tmp", 16 * MIB, &source);
	struct blksnap_snapshot_event event;
	struct blksnap_event_watermark mark;
	struct pollfd gone;
	int fd = ctl_open();

	must(snap_watermark(control(), &id, 2 * MIB / SECTOR));
	must(snap_subscribe(fd, &id));
	quiet(fd, &id);
	seed_write(source.fd, MIB, 0, 2);
	quiet(fd, &id);
	seed_write(source.fd, 2 * MIB, MIB, 2);
	wait_for(fd, &id, BLKSNAP_EVENT_CODE_WATERMARK, &event);
	memcpy(&mark, event.data, sizeof(mark));
	check(mark.used_sect >= 2 * MIB / SECTOR && mark.limit_sect == 16 * MIB / SECTOR,
	      "watermark at %llu of %llu", (unsigned long long)mark.used_sect,
	      (unsigned long long)mark.limit_sect);
	seed_write(source.fd, MIB, 3 * MIB, 2);
	quiet(fd, &id);
	destroy(&id);
	gone = (struct pollfd){ fd, POLLIN, 0 };
	check(poll(&gone, 1, 5000) == 1 && gone.revents & POLLHUP,
	      "poll: the snapshot is gone, revents %#x", gone.revents);
	close(fd);
}

/* Once per epoch, at the threshold, counted in whole tracking blocks. */
static void threshold(void)
{
	struct blksnap_snapshot_event event;
	struct blksnap_event_changed changed;
	struct blksnap_uuid id;
	struct blksnap_cbtinfo info;
	int fd = ctl_open();

	must(cbt_info(source.fd, &info));
	must(snap_subscribe(fd, NULL));
	id = take_one("/tmp", 16 * MIB, &source);
	destroy(&id);
	must(dev_threshold(source.fd, 4ull * info.block_size));
	for (int round = 0; round < 2; round++) {
		for (uint64_t block = 0; block < 3; block++)
			seed_write(source.fd, 4096, block * info.block_size, 3);
		seed_write(source.fd, 4096, 0, 3);
		quiet(fd, NULL);
		seed_write(source.fd, 4096, 9ull * info.block_size, 3);
		wait_for(fd, NULL, BLKSNAP_EVENT_CODE_CHANGED, &event);
		memcpy(&changed, event.data, sizeof(changed));
		of_this_device(changed.dev_id_mj, changed.dev_id_mn);
		check(changed.changed_bytes == 4ull * info.block_size, "%llu bytes changed",
		      (unsigned long long)changed.changed_bytes);
		seed_write(source.fd, MIB, 0, 3);
		quiet(fd, NULL);
		id = take_one("/tmp", 16 * MIB, &source);
		destroy(&id);
	}
	must(dev_threshold(source.fd, 0));
	seed_write(source.fd, MIB, 0, 3);
	quiet(fd, NULL);
	close(fd);
}

static void resized_and_removed(void)
{
	struct blksnap_snapshot_event event;
	struct blksnap_event_resized resized;
	struct blksnap_event_removed removed;
	struct blksnap_uuid id;
	int fd = ctl_open();

	must(snap_subscribe(fd, NULL));
	sh("dm_table elastic '0 24576 linear /dev/nullb0 0'");
	seed_write(source.fd, 4096, 0, 4);	/* noticed at the next write, or the next take */
	id = take_one("/tmp", 16 * MIB, &source);
	destroy(&id);
	wait_for(fd, NULL, BLKSNAP_EVENT_CODE_RESIZED, &event);
	memcpy(&resized, event.data, sizeof(resized));
	of_this_device(resized.dev_id_mj, resized.dev_id_mn);
	check(resized.old_capacity == 8 * MIB && resized.new_capacity == 12 * MIB,
	      "resized from %llu to %llu", (unsigned long long)resized.old_capacity,
	      (unsigned long long)resized.new_capacity);
	quiet(fd, NULL);
	close(source.fd);

	source = source_open(sh("dev_null 8"));
	sh("null_remove %s", source.path);
	wait_for(fd, NULL, BLKSNAP_EVENT_CODE_REMOVED, &event);
	memcpy(&removed, event.data, sizeof(removed));
	of_this_device(removed.dev_id_mj, removed.dev_id_mn);
	close(fd);
}

/* What could not be attached is not gone. */
static void not_attached(void)
{
	struct blksnap_attach_opt whole = { .flags = BLKSNAP_ATTACH_WHOLE_DISK };
	char *disk = sh("d=$(dev_null 8); partition $d 1:4; echo $d");
	int fd = ctl_open();

	source = source_open(sh("echo %sp1", disk));
	must(snap_subscribe(fd, NULL));
	want(bf_attach_opt(open_dev(disk, O_RDWR), BLKSNAP_FILTER_NAME, &whole, sizeof(whole)),
	     -EBUSY);
	quiet(fd, NULL);
	source_close(&source);
	close(fd);
}

int main(void)
{
	source = source_open(sh("d=$(dev_null 16); dm elastic \"0 16384 linear $d 0\""));
	watermark();
	threshold();
	resized_and_removed();
	not_attached();
	return 0;
}
