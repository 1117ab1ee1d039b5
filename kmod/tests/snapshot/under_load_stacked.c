// SPDX-License-Identifier: GPL-2.0
/*
 * snapshots under load are right on dm, a partition, a loop device, a bio-based driver and a queue that splits
 * timeout: 300
 * long: sanitizer
 */
#include <stdio.h>

#include "lossless.h"
#include "random.h"

int main(void)
{
	static const char *const devices[] = {
		"d=$(dev_null 16); dm_linear mapped $d 4104 16384",
		"d=$(dev_null 16); partition $d 1:4 6:8; echo ${d}p2",
		"dev_loop 8",
		"dev_null 8 queue_mode=0",
		"dev_null 8 max_sectors=8",
		"dev_scsi 8",
	};

	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		struct lossless how = {
			.writers = { .threads = 3, .max_sectors = 256, .seed = random_seed() },
			.storage = "/tmp",
			.limit = 48 * MIB,
			.rounds = repeats(3) + 1,
		};

		printf("%s\n", devices[i]);
		lossless_rounds(sh("%s", devices[i]), &how);
	}
	return 0;
}
