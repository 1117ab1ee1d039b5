/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_VOLUME_H
#define TESTS_VOLUME_H

#include "source.h"

/*
 * What the module must do, said as plainly as possible: a device is an array of
 * bytes, an image is a copy of it made at the take, and the map is the epoch in
 * which each tracking block was last written.
 */

#define UNIT 4096u	/* the least that is released */

struct volume {
	struct source source;
	uint64_t size;
	uint8_t *data;		/* of the device */

	uint8_t *image;		/* NULL: no snapshot is held */
	uint8_t *released;	/* per UNIT of the image */
	uint32_t copy_unit;	/* bytes: what is released is rounded down to these */
	bool release;		/* a discard on the image releases */

	uint32_t block_size, blocks;
	uint64_t epoch;		/* takes since attach */
	uint64_t *written;	/* per block: epoch of its last write, from 1; 0: none */
	uint64_t *readable;	/* the same, as the readable map has it */
	struct blksnap_uuid generation, tracking;
	uint64_t map_epoch;	/* as last told by the module */
};

/* Takes over the device's content, which is read, and attaches. */
void volume_open(struct volume *v, char *path);
void volume_attach(struct volume *v);	/* the filter is attached already: a fresh map */

void volume_wrote(struct volume *v, uint64_t at, uint64_t length);
void volume_dirtied(struct volume *v, uint64_t at, uint64_t length); /* CBTDIRTY, image writes */
void volume_took(struct volume *v);
void volume_dropped(struct volume *v);	/* its snapshot is destroyed */
void volume_discarded_image(struct volume *v, uint64_t at, uint64_t length);

/* No byte of that range of the image has been released. */
bool volume_kept(const struct volume *v, uint64_t at, uint64_t length);

/* The readable map and all that is said about it. */
void volume_check_map(struct volume *v);

/* A range of the device, or of the image (by @image's fd), against the model. */
void volume_check_data(struct volume *v, uint64_t at, uint64_t length);
void volume_check_image(struct volume *v, int image, uint64_t at, uint64_t length);

#endif /* TESTS_VOLUME_H */
