// SPDX-License-Identifier: GPL-2.0
/*
 * snapshots under load are right with their storage on a tmpfs with huge pages, and with one that is too small
 * timeout: 300
 */
#include "lossless.h"
#include "random.h"
#include "source.h"

int main(void)
{
	struct lossless how = {
		.writers = { .threads = 3, .max_sectors = 256, .seed = random_seed() },
		.limit = 48 * MIB,
		.rounds = repeats(5),
	};
	struct source source;
	struct blksnap_uuid id;
	int image;

	/* A kernel without huge pages does not know the option. */
	how.storage = sh("mkdir /tmp/h; opt=$(grep -q . /sys/kernel/mm/transparent_hugepage/shmem_enabled 2>/dev/null && echo ,huge=always || :);"
			 "mount -t tmpfs -o size=96m$opt huge /tmp/h; echo /tmp/h");
	lossless_rounds(sh("dev_null 8"), &how);

	/* Less than the limit: the source is written all the same, and the image says what is wrong. */
	sh("mkdir /tmp/s; mount -t tmpfs -o size=4m small /tmp/s");
	source = source_open(sh("dev_null 16"));
	seed_write(source.fd, source.size, 0, 1);
	id = take_one("/tmp/s", 32 * MIB, &source);
	image = image_open(source.fd, 0);
	seed_write(source.fd, 2 * MIB, 0, 2);
	want(image_error(source.fd), 0);
	seed_check(image, source.size, 0, 1);
	seed_write(source.fd, source.size, 0, 3);
	want(image_error_soon(source.fd), -ENOSPC);
	seed_check(source.fd, source.size, 0, 3);
	close(image);
	destroy(&id);
	source_close(&source);
	return 0;
}
