// SPDX-License-Identifier: GPL-2.0
/*
 * snapshots under load are right with their storage in a file on tmpfs
 * timeout: 300
 */
#include "lossless.h"
#include "random.h"

int main(void)
{
	struct lossless how = {
		.writers = { .threads = 3, .max_sectors = 256, .seed = random_seed() },
		.storage = sh("truncate -s 48M /tmp/file; echo /tmp/file"),
		.limit = 48 * MIB,
		.rounds = repeats(5),
	};

	lossless_rounds(sh("dev_null 8"), &how);
	return 0;
}
