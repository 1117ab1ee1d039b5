// SPDX-License-Identifier: GPL-2.0
/*
 * snapshots under load are right with their storage on a virtio disk
 * timeout: 300
 * long: sanitizer
 */
#include "lossless.h"
#include "random.h"

int main(void)
{
	struct lossless how = {
		.writers = { .threads = 3, .max_sectors = 256, .seed = random_seed() },
		.storage = "/dev/vda",
		.limit = 48 * MIB,
		.rounds = repeats(5),
	};

	lossless_rounds(sh("dev_null 8"), &how);
	return 0;
}
