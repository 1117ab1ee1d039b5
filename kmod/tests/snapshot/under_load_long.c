// SPDX-License-Identifier: GPL-2.0
/*
 * hundreds of snapshots under load, of small and of large writes, with every copy unit (fault 12)
 * long
 * timeout: 1800
 */
#include "lossless.h"
#include "random.h"

int main(void)
{
	static const unsigned int threads[] = { 1, 3, 8 }, largest[] = { 8, 64, 1024 };
	uint64_t seed = random_seed();

	for (unsigned int i = 0; i < 9; i++) {
		struct lossless how = {
			.writers = {
				.threads = threads[i % 3],
				.max_sectors = largest[i / 3],
				.seed = seed + 2 * i,
			},
			.storage = i % 2 ? "/dev/vda" : "/tmp",
			.limit = 96 * MIB,
			.rounds = 60,
		};

		must(param_set("copy_unit_shift", 12 + i % 4));
		must(param_set("chunk_maximum_in_queue", i % 3 ? 256 : 2));
		lossless_rounds(sh("dev_null 12"), &how);
	}
	return 0;
}
