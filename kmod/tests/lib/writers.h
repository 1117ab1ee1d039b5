/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_WRITERS_H
#define TESTS_WRITERS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Threads that write self-describing sectors to one device without pause, and
 * the judge of an image of it.
 *
 * Each writer owns a stripe of the device, has one write in flight at a time and
 * logs it before it issues it. So an image of one instant holds, in each stripe,
 * exactly the writes 1..m in order, for an m between what had completed before
 * the take and what had been issued after it. The judge finds m and replays the log:
 * a lost, early, late, torn or misplaced sector shows.
 */
struct writers;

struct writers_config {
	const char *path;	/* device; opened with O_DIRECT */
	uint64_t sectors;	/* of the device, shared out evenly */
	unsigned int threads;
	unsigned int max_sectors; /* of one write */
	unsigned int pause_us;	/* between two writes of a thread */
	uint64_t seed;
};

/* Fills the whole device, then starts the threads. */
struct writers *writers_start(const struct writers_config *config);

/* To be called right before and right after the take. */
void writers_before_take(struct writers *writers);
void writers_after_take(struct writers *writers);

/*
 * Judges the whole image of the last take. Returns the number of faults, the
 * first few are printed. @touched, one byte per sector, may be NULL: set to 1
 * for each sector that was written between the previous judged take and this one.
 */
unsigned int writers_judge(struct writers *writers, const void *image, uint8_t *touched);

uint64_t writers_total(const struct writers *writers); /* writes completed */

void writers_stop(struct writers *writers);

#endif /* TESTS_WRITERS_H */
