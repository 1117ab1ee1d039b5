// SPDX-License-Identifier: GPL-2.0
/*
 * the image of a whole disk shows what its partitions held at the take, whatever is written to them afterwards (fault 26)
 * timeout: 180
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

int main(void)
{
	struct blksnap_attach_opt whole = { .flags = BLKSNAP_ATTACH_WHOLE_DISK };
	struct source disk = { .path = sh("d=$(dev_null 32); partition $d 1:8 10:16; echo $d") };
	struct blksnap_uuid id;
	int part[2], image;
	char path[64];

	disk.fd = open_dev(disk.path, O_RDWR | O_DIRECT);
	must(bf_attach_opt(disk.fd, BLKSNAP_FILTER_NAME, &whole, sizeof(whole)));
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%sp%d", disk.path, i + 1);
		part[i] = open_dev(path, O_RDWR | O_DIRECT);
		seed_write(part[i], 8 * MIB, 0, 1 + i);
	}
	seed_write(disk.fd, MIB, 28 * MIB, 9);
	id = take_one("/tmp", 64 * MIB, &disk);
	image = image_open(disk.fd, O_RDONLY | O_DIRECT);
	seed_write(part[0], 8 * MIB, 0, 3);
	seed_write(part[1], 4 * MIB, 2 * MIB, 3);
	seed_write(disk.fd, MIB, 28 * MIB, 3);

	/* A partition's bytes are at other places on the disk: read them as the image's own. */
	for (int i = 0; i < 2; i++) {
		void *got = io_alloc(8 * MIB), *wanted = io_alloc(8 * MIB);

		read_all(image, got, 8 * MIB, (i ? 10 : 1) * MIB);
		seed_fill(wanted, 8 * MIB, 0, 1 + i);
		check(!memcmp(got, wanted, 8 * MIB), "fault 26: partition %d is not what it was", i + 1);
		free(got);
		free(wanted);
	}
	seed_check(image, MIB, 28 * MIB, 9);
	seed_check(part[0], 8 * MIB, 0, 3);
	want(image_error(disk.fd), 0);
	close(image);
	destroy(&id);
	must(bf_detach(disk.fd));
	return 0;
}
