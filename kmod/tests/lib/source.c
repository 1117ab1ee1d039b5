// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "source.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int control(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = ctl_open();
	return fd;
}

struct source source_open(char *path)
{
	struct source source = { .path = path, .fd = open_dev(path, O_RDWR | O_DIRECT) };

	source.size = dev_size(source.fd);
	must(bf_attach(source.fd));
	return source;
}

void source_close(struct source *source)
{
	must(bf_detach(source->fd));
	close(source->fd);
	free(source->path);
}

struct blksnap_uuid take_of(const char *storage, uint64_t limit,
			    const struct source *const *sources, unsigned int count)
{
	struct blksnap_uuid id;
	int fds[16];

	for (unsigned int i = 0; i < count; i++)
		fds[i] = sources[i]->fd;
	snap_make(control(), storage, limit / SECTOR, fds, count, &id);
	return id;
}

struct blksnap_uuid take_one(const char *storage, uint64_t limit, const struct source *source)
{
	return take_of(storage, limit, &source, 1);
}

void destroy(const struct blksnap_uuid *id)
{
	must(snap_destroy(control(), id));
}
