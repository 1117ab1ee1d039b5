/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_LOSSLESS_H
#define TESTS_LOSSLESS_H

#include "source.h"
#include "writers.h"

/*
 * The life that a backup leads a device: writers never pause; a snapshot is
 * taken, its image read twice and judged, the increment applied to a replica that
 * must come out equal to the image, the snapshot destroyed. And again.
 */
struct lossless {
	struct writers_config writers; /* path and sectors are filled in */
	const char *storage;
	uint64_t limit;		/* bytes of storage */
	unsigned int rounds;
};

/* Attaches to @path, runs all rounds, detaches. Ends the test at the first fault. */
void lossless_rounds(char *path, const struct lossless *how);

#endif /* TESTS_LOSSLESS_H */
