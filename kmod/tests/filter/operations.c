// SPDX-License-Identifier: GPL-2.0
/* every kind of write reaches the filter, with its flags: direct, buffered, mmap, NOWAIT, discard, zeroes, flush */
#include "filter.h"
#include <sys/mman.h>

static void nowait(int fd)
{
	struct iovec iov = { buffer(4096), 4096 };
	struct t_stat stat;

	filter_clear(fd, T_FILTER_COUNT);
	check(pwritev2(fd, &iov, 1, 0, RWF_NOWAIT) == 4096, "NOWAIT write: %m");
	stat = filter_stat(fd, T_FILTER_COUNT);
	check(stat.nowaits == 1 && stat.writes == 1, "%llu NOWAIT of %llu writes", stat.nowaits, stat.writes);

	filter_mode(fd, T_FILTER_COUNT, T_MODE_NOWAIT);
	check(pwritev2(fd, &iov, 1, 0, RWF_NOWAIT) < 0 && errno == EAGAIN, "refused NOWAIT write: %m");
	filter_mode(fd, T_FILTER_COUNT, 0);
}

static void mapped(int fd, const char *dev)
{
	int plain = open_dev(dev, O_RDWR);
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, plain, 8 * MIB);

	check(p != MAP_FAILED, "mmap: %m");
	filter_clear(fd, T_FILTER_COUNT);
	p[0] = 1;
	p[MIB - 1] = 1;
	check(!msync(p, MIB, MS_SYNC), "msync: %m");
	check(filter_map(fd, T_FILTER_COUNT)[2048] == 1 && filter_map(fd, T_FILTER_COUNT)[2303] == 1,
	      "pages written through a mapping were not seen");
	close(plain);
}

static void buffered(int fd, const char *dev)
{
	int plain = open_dev(dev, O_RDWR);

	filter_clear(fd, T_FILTER_COUNT);
	put_direct(plain, 3 * MIB, MIB);
	check(!fsync(plain), "fsync: %m");
	map_is(fd, T_FILTER_COUNT, 3 * MIB, MIB, 1);
	check(filter_stat(fd, T_FILTER_COUNT).flushes == 1, "the flush was not seen");
	close(plain);
}

static void ranges(int fd)
{
	uint64_t range[2] = { 4 * MIB, MIB };

	filter_clear(fd, T_FILTER_COUNT);
	check(!ioctl(fd, BLKDISCARD, range), "BLKDISCARD: %m");
	check(filter_stat(fd, T_FILTER_COUNT).discards >= 1, "the discard was not seen");
	map_is(fd, T_FILTER_COUNT, 4 * MIB, MIB, 1);
	filter_clear(fd, T_FILTER_COUNT);
	check(!ioctl(fd, BLKZEROOUT, range), "BLKZEROOUT: %m");
	map_is(fd, T_FILTER_COUNT, 4 * MIB, MIB, 1);
}

static void reads(const char *dev)
{
	int fd = attach(dev, T_FILTER_COUNT);
	void *buf = buffer(4096);

	check(pread(fd, buf, 4096, 0) == 4096, "read: %m");
	check(filter_stat(fd, T_FILTER_COUNT).bios == 1, "a read was not seen");
	must(bf_detach_name(fd, T_FILTER_COUNT));
	must(bf_attach_opt(fd, T_FILTER_WRITES, NULL, 0));
	check(pread(fd, buf, 4096, 0) == 4096, "read: %m");
	put_direct(fd, 0, 4096);
	check(filter_stat(fd, T_FILTER_WRITES).bios == 1, "a filter of writes saw a read, or no write");
	must(bf_detach_name(fd, T_FILTER_WRITES));
	close(fd);
}

int main(void)
{
	const char *dev;
	int fd;

	load_filters();
	dev = strdup(sh("dev_null 64 discard=1 cache_size=8"));
	fd = attach(dev, T_FILTER_COUNT);
	put_direct(fd, 2 * MIB, 64 * KIB);
	map_is(fd, T_FILTER_COUNT, 2 * MIB, 64 * KIB, 1);
	nowait(fd);
	buffered(fd, dev);
	mapped(fd, dev);
	ranges(fd);
	must(bf_detach_name(fd, T_FILTER_COUNT));
	close(fd);
	reads(dev);
	return 0;
}
