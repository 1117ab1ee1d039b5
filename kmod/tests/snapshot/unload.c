// SPDX-License-Identifier: GPL-2.0
/*
 * the modules do not unload while a snapshot lives, under load, and that harms it in no way
 * timeout: 180
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "random.h"
#include "source.h"
#include "writers.h"

int main(void)
{
	struct source source = source_open(sh("dev_null 8"));
	struct writers_config config = {
		.path = source.path, .sectors = source.size / SECTOR, .threads = 2,
		.max_sectors = 128, .seed = random_seed(),
	};
	struct writers *writers = writers_start(&config);
	void *content = io_alloc(source.size);
	struct blksnap_uuid id;
	int image;

	writers_before_take(writers);
	id = take_one("/tmp", 64 * MIB, &source);
	writers_after_take(writers);
	for (int i = 0; i < 5; i++) {
		check(sh_status("rmmod blksnap 2>/dev/null"), "blksnap unloads under a snapshot");
		check(sh_status("rmmod blkfilter 2>/dev/null"), "blkfilter unloads under a filter");
	}
	image = image_open(source.fd, O_RDONLY | O_DIRECT);
	read_all(image, content, source.size, 0);
	check(!writers_judge(writers, content, NULL), "the image is not the device at the take");
	writers_stop(writers);
	close(image);
	destroy(&id);
	source_close(&source);
	return 0;
}
