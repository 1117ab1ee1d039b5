// SPDX-License-Identifier: GPL-2.0
/*
 * snapshots under load: no sector from after the take, none too old, two readings equal, increments lossless and exact (fault 12)
 * timeout: 300
 * long: sanitizer
 */
#include "lossless.h"
#include "random.h"

int main(void)
{
	struct lossless how = {
		.writers = { .threads = 4, .max_sectors = 512, .seed = random_seed() },
		.storage = "/tmp",
		.limit = 64 * MIB,
		.rounds = repeats(20),
	};

	lossless_rounds(sh("dev_null 8"), &how);
	return 0;
}
