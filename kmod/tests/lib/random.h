/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers for tests that can be repeated: all comes from one printed seed. */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "blksnap.h"
#include "pattern.h"

/* The seed: $SEED, or a fresh one; printed, so that a run can be repeated. Never 0. */
static inline uint64_t random_seed(void)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : now_ns() * 0x9e3779b97f4a7c15ull;

	printf("SEED=%llu\n", (unsigned long long)(seed | 1));
	fflush(stdout);
	return seed | 1;
}

/* Evenly in [0, below). */
static inline uint64_t random_below(uint64_t *state, uint64_t below)
{
	return (random_next(state) >> 11) % below;
}

#endif
