// SPDX-License-Identifier: GPL-2.0
/*
 * several snapshots at a time, of different devices, in one storage directory, do not disturb each other
 * timeout: 180
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "source.h"

#define COUNT 6

int main(void)
{
	struct source source[COUNT];
	struct blksnap_uuid id[COUNT];
	int image[COUNT];

	for (int i = 0; i < COUNT; i++) {
		source[i] = source_open(sh("dev_null 8"));
		seed_write(source[i].fd, 8 * MIB, 0, 10 + i);
	}
	for (int i = 0; i < COUNT; i++) {
		id[i] = take_one("/tmp", 16 * MIB, &source[i]);
		image[i] = image_open(source[i].fd, O_RDONLY | O_DIRECT);
		seed_write(source[i].fd, 4 * MIB, i * 256 << 10, 20 + i);
	}
	for (int i = 0; i < COUNT; i += 2) {
		close(image[i]);
		destroy(&id[i]);
	}
	for (int i = 1; i < COUNT; i += 2) {
		seed_write(source[i].fd, 8 * MIB, 0, 30 + i);
		seed_check(image[i], 8 * MIB, 0, 10 + i);
		want(image_error(source[i].fd), 0);
		close(image[i]);
		destroy(&id[i]);
		seed_check(source[i].fd, 8 * MIB, 0, 30 + i);
	}
	for (int i = 0; i < COUNT; i++)
		source_close(&source[i]);
	return 0;
}
