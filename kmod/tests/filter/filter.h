/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of the mechanism share; the filters are those of t_filter.ko. */
#ifndef TEST_FILTER_H
#define TEST_FILTER_H

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/fs.h>
#include "blksnap.h"
#include "../modules/t_filter.h"

#define KIB 1024L
#define MIB (1024 * KIB)

static inline void load_filters(void)
{
	check(!sh_status("modprobe t_filter"), "t_filter.ko does not load");
}

/* References to t_filter.ko: one for each attached filter. */
static inline long filter_refs(void)
{
	return read_number("/sys/module/t_filter/refcnt");
}

static inline struct t_stat filter_stat(int fd, const char *name)
{
	struct t_stat stat;

	must(bf_ctl_name(fd, name, T_CMD_STAT, &stat, sizeof(stat)));
	return stat;
}

static inline void filter_mode(int fd, const char *name, uint32_t mode)
{
	must(bf_ctl_name(fd, name, T_CMD_MODE, &mode, sizeof(mode)));
}

static inline void filter_clear(int fd, const char *name)
{
	must(bf_ctl_name(fd, name, T_CMD_CLEAR, NULL, 0));
}

/* The writes that touched each block of T_BLOCK bytes. */
static inline const uint8_t *filter_map(int fd, const char *name)
{
	static uint8_t map[T_BLOCKS];

	must(bf_ctl_name(fd, name, T_CMD_MAP, map, sizeof(map)));
	return map;
}

/* Each block of the range was seen written that often, and no other was at all. */
static inline void map_is(int fd, const char *name, long offset, long length, unsigned int times)
{
	const uint8_t *map = filter_map(fd, name);
	long i;

	for (i = 0; i < T_BLOCKS; i++) {
		unsigned int want = i >= offset / T_BLOCK && i < (offset + length) / T_BLOCK ? times : 0;

		check(map[i] == want, "block %ld was seen written %u times, not %u", i, map[i], want);
	}
}

static inline void *buffer(long size)
{
	void *p = NULL;

	check(!posix_memalign(&p, 4096, size), "no memory");
	memset(p, 0x5a, size);
	return p;
}

static inline void put_direct(int fd, long offset, long length)
{
	static void *buf;
	static long size;

	if (size < length) {
		free(buf);
		buf = buffer(length);
		size = length;
	}
	check(pwrite(fd, buf, length, offset) == length, "write of %ld at %ld: %m", length, offset);
}

static inline int attach(const char *dev, const char *name)
{
	int fd = open_dev(dev, O_RDWR | O_DIRECT);

	must(bf_attach_opt(fd, name, NULL, 0));
	return fd;
}

static inline int attach_whole(const char *dev, const char *name)
{
	int fd = open_dev(dev, O_RDWR | O_DIRECT);
	uint32_t opt = T_OPT_WHOLE_DISK;

	must(bf_attach_opt(fd, name, &opt, sizeof(opt)));
	return fd;
}

#endif
