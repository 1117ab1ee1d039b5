// SPDX-License-Identifier: GPL-2.0
/*
 * snapshots under load are right with their storage in a directory of ext4
 * timeout: 300
 * long: sanitizer
 */
#include "lossless.h"
#include "random.h"

int main(void)
{
	struct lossless how = {
		.writers = { .threads = 3, .max_sectors = 256, .seed = random_seed() },
		.storage = sh("d=$(dev_null 96); mkfs.ext4 -q $d; mkdir /tmp/m; mount $d /tmp/m; echo /tmp/m"),
		.limit = 48 * MIB,
		.rounds = repeats(5),
	};

	lossless_rounds(sh("dev_null 8"), &how);
	return 0;
}
