/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sectors that describe themselves: where and when they were written, by which
 * writer and with which sequence number, and a checksum over all of it. So
 * whoever reads one knows whether it is whole, in its place, and from before or
 * after a given instant.
 */
#ifndef TEST_PATTERN_H
#define TEST_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTOR 512

struct pattern {
	uint64_t magic;
	uint64_t sum;		/* over the sector with this field zero */
	uint64_t sector;	/* its place on the device */
	uint64_t seq;		/* number of the write */
	uint64_t time_ns;	/* CLOCK_MONOTONIC when it was filled */
	uint32_t writer;
	uint32_t device;	/* any number that tells devices apart */
	uint64_t fill[(SECTOR - 48) / 8];	/* derived from the rest */
};

enum pattern_state {
	PATTERN_GOOD,
	PATTERN_ZERO,		/* all zero: never written, or discarded */
	PATTERN_TORN,		/* bad magic or checksum */
	PATTERN_MISPLACED,	/* whole, but of another sector or device */
};

/* Fills sectors [sector, sector + count) of device at buf. */
void pattern_fill(void *buf, uint64_t sector, unsigned int count, uint64_t seq,
		  uint32_t writer, uint32_t device);

/* Judges one sector. */
enum pattern_state pattern_state(const void *buf, uint64_t sector, uint32_t device);

/* Fails the test unless every sector is good and its seq within [low, high]. */
void pattern_check(const void *buf, uint64_t sector, unsigned int count, uint32_t device,
		   uint64_t low, uint64_t high);

/* Prints what a sector says of itself, for diagnostics. */
void pattern_print(const void *buf, uint64_t sector);

/* Memory for direct I/O: aligned to 4096. */
void *io_alloc(size_t size);

/* Whole reads and writes; fail the test on an error or a short count. */
void read_all(int fd, void *buf, size_t size, uint64_t offset);
void write_all(int fd, const void *buf, size_t size, uint64_t offset);

/* Reproducible bytes that depend on seed and on the place. */
void seed_fill(void *buf, size_t size, uint64_t offset, uint64_t seed);
void seed_write(int fd, size_t size, uint64_t offset, uint64_t seed);
/* Offset of the first byte that differs, or -1 if all are as expected. */
int64_t seed_differs(int fd, size_t size, uint64_t offset, uint64_t seed);
#define seed_check(fd, size, offset, seed) do {					\
	int64_t _at = seed_differs(fd, size, offset, seed);			\
	if (_at >= 0)								\
		fail("data of seed %llu at %lld is not what was written",	\
		     (unsigned long long)(seed), (long long)_at);		\
} while (0)

/* xorshift64*: same numbers for the same seed, which must not be 0 */
uint64_t random_next(uint64_t *state);

#endif
