/* SPDX-License-Identifier: GPL-2.0 */
/* A device under test with the filter attached, and snapshots of such. */
#ifndef TEST_SOURCE_H
#define TEST_SOURCE_H

#include "blksnap.h"
#include "pattern.h"

#define MIB (1ull << 20)

struct source {
	char *path;
	int fd;			/* O_DIRECT */
	uint64_t size;		/* bytes */
};

/* Opens and attaches; takes over @path, as sh() returned it. */
struct source source_open(char *path);
void source_close(struct source *source);

/* Creates a snapshot of @count sources, limited to @limit bytes, and takes it. */
struct blksnap_uuid take_of(const char *storage, uint64_t limit,
			    const struct source *const *sources, unsigned int count);
struct blksnap_uuid take_one(const char *storage, uint64_t limit, const struct source *source);
void destroy(const struct blksnap_uuid *id);

/* How often to repeat: @count, less on the kernel where all takes longer. */
static inline unsigned int repeats(unsigned int count)
{
	return is_sanitizer() ? (count + 3) / 4 : count;
}

int control(void);		/* fd of the control device, opened once */

#endif
