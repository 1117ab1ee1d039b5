// SPDX-License-Identifier: GPL-2.0
/*
 * the source is pulled out at every stage, idle and under load: no hang, no false data, the snapshot can be destroyed
 * timeout: 300
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

enum stage { ATTACHED, ADDED, TAKEN, COPIED, STAGES };

static const char *const stages[] = { "attached", "added", "taken", "taken and copied" };

struct load {
	int source, image;	/* image: -1 if there is none */
	atomic_bool stop;
	pthread_t thread[2];
};

/* After the removal everything may fail; until then, and afterwards, no read may lie. */
static void *write_on(void *arg)
{
	struct load *load = arg;
	void *buf = io_alloc(65536);

	for (uint64_t i = 0; !load->stop; i++) {
		uint64_t at = i % 128 * 65536;

		seed_fill(buf, 65536, at, 2);
		if (pwrite(load->source, buf, 65536, at) < 0)
			break;
	}
	free(buf);
	return NULL;
}

static void *read_on(void *arg)
{
	struct load *load = arg;
	uint64_t *buf = io_alloc(65536), *want = io_alloc(65536);

	for (uint64_t i = 0; !load->stop && load->image >= 0; i++) {
		uint64_t at = i * 7 % 128 * 65536;

		if (pread(load->image, buf, 65536, at) != 65536)
			continue;
		seed_fill(want, 65536, at, 1);
		check(!memcmp(buf, want, 65536), "the image of a removed device shows false data");
	}
	free(buf);
	free(want);
	return NULL;
}

static void stage(enum stage stage, bool under_load, char *path, const char *removal)
{
	struct source source = source_open(path);
	struct load load = { .source = source.fd, .image = -1 };
	struct blksnap_cbtinfo info;
	struct blksnap_uuid id;

	printf("%s, %s, %s\n", path, stages[stage], under_load ? "under load" : "idle");
	fflush(stdout);
	seed_write(source.fd, 8 * MIB, 0, 1);
	if (stage >= ADDED) {
		must(snap_create(control(), "/tmp", 64 * MIB / SECTOR, &id));
		must(snap_add(source.fd, &id));
	}
	if (stage >= TAKEN) {
		must(snap_take(control(), &id));
		load.image = image_open(source.fd, O_RDONLY | O_DIRECT);
	}
	if (stage >= COPIED)
		seed_write(source.fd, 2 * MIB, 0, 2);
	if (under_load) {
		pthread_create(&load.thread[0], NULL, write_on, &load);
		pthread_create(&load.thread[1], NULL, read_on, &load);
		usleep(100000);
	}
	sh(removal, strrchr(path, '/') + 1);
	if (under_load) {
		usleep(100000);
		load.stop = true;
		pthread_join(load.thread[0], NULL);
		pthread_join(load.thread[1], NULL);
	}
	check(cbt_info(source.fd, &info) < 0, "a removed device still tells of its map");
	if (stage == ADDED)
		check(snap_take(control(), &id) < 0, "a take without its device succeeded");
	if (load.image >= 0)
		close(load.image);
	if (stage >= ADDED)
		must(snap_destroy(control(), &id));
	close(source.fd);
}

int main(void)
{
	for (int load = 0; load < 2; load++)
		for (int s = 0; s < STAGES; s++)
			stage(s, load, sh("dev_null 8"), "null_remove /dev/%s");
	for (int s = is_sanitizer() ? COPIED : ATTACHED; s < STAGES; s++) {
		stage(s, true, sh("dev_scsi 8"), "echo 1 >/sys/block/%s/device/delete");
		sh("for i in 1 2 3 4 5; do ! rmmod scsi_debug || exit 0; sleep 0.2; done; exit 1");
	}
	return 0;
}
