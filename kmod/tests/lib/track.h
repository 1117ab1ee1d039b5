/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_TRACK_H
#define TESTS_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "blksnap.h"

/*
 * Compares the change map with what was written. I/O may go to another device
 * than the tracked one (a mapping above it, a partition): then @shift says
 * where byte 0 of that device lies on the tracked one.
 */
struct tracked {
	const char *path;	/* tracked device */
	const char *io_path;	/* device to write to; @path when they are the same */
	uint64_t shift;		/* bytes */
	uint64_t size;		/* bytes of @io_path */
	int fd;			/* of the tracked device */
	struct blksnap_cbtinfo info;
	uint8_t base;		/* increments are told against this number */
	uint8_t *expected;	/* one byte per tracking block */
	unsigned int faults;
};

/* Attaches to the device, unless it is already, and takes a snapshot to count from. */
void track_start(struct tracked *t, const char *path, const char *io_path, uint64_t shift);

/* Bytes [@offset, @offset + @length) of the I/O device were written. */
void track_wrote(struct tracked *t, uint64_t offset, uint64_t length);

/* Takes a snapshot and compares the increment, block for block. Counts faults. */
void track_compare(struct tracked *t, const char *what);

void track_stop(struct tracked *t);

/* Every kind of write there is, one after the other. Returns the exit code of the test. */
int track_all_kinds(const char *path, const char *io_path, uint64_t shift);

#endif /* TESTS_TRACK_H */
