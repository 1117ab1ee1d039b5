// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "pattern.h"
#include "blksnap.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x74726f6e746c6273ull
#define IO_STEP (256 << 10)

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdull;
	x ^= x >> 29;
	return x * 0x9e3779b97f4a7c15ull;
}

/* Each word counts with its place, so exchanged words show. */
static uint64_t sum_of(const struct pattern *p)
{
	const uint64_t *w = (const uint64_t *)p;
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < SECTOR / 8; i++)
		if (i != offsetof(struct pattern, sum) / 8)
			sum = (sum ^ w[i]) * 0x100000001b3ull + i + (sum >> 47);
	return sum;
}

void pattern_fill(void *buf, uint64_t sector, unsigned int count, uint64_t seq, uint32_t writer, uint32_t device)
{
	uint64_t time = now_ns(), x;
	struct pattern *p = buf;
	unsigned int i;

	_Static_assert(sizeof(*p) == SECTOR, "a pattern is a sector");
	for (; count; count--, p++, sector++) {
		p->magic = MAGIC;
		p->sum = 0;
		p->sector = sector;
		p->seq = seq;
		p->time_ns = time;
		p->writer = writer;
		p->device = device;
		x = mix(sector ^ seq << 20 ^ (uint64_t)writer << 52);
		for (i = 0; i < sizeof(p->fill) / 8; i++)
			p->fill[i] = x += 0x9e3779b97f4a7c15ull;
		p->sum = sum_of(p);
	}
}

enum pattern_state pattern_state(const void *buf, uint64_t sector, uint32_t device)
{
	const struct pattern *p = buf;
	const uint64_t *w = buf;
	unsigned int i;

	if (p->magic != MAGIC) {
		for (i = 0; i < SECTOR / 8; i++)
			if (w[i])
				return PATTERN_TORN;
		return PATTERN_ZERO;
	}
	if (p->sum != sum_of(p))
		return PATTERN_TORN;
	if (p->sector != sector || p->device != device)
		return PATTERN_MISPLACED;
	return PATTERN_GOOD;
}

void pattern_print(const void *buf, uint64_t sector)
{
	const struct pattern *p = buf;

	printf("sector %llu: magic %llx sector %llu seq %llu time %llu writer %u device %u\n",
	       (unsigned long long)sector, (unsigned long long)p->magic, (unsigned long long)p->sector,
	       (unsigned long long)p->seq, (unsigned long long)p->time_ns, p->writer, p->device);
}

void pattern_check(const void *buf, uint64_t sector, unsigned int count, uint32_t device, uint64_t low, uint64_t high)
{
	static const char *const names[] = { "good", "zero", "torn", "misplaced" };
	const struct pattern *p = buf;

	for (; count; count--, p++, sector++) {
		enum pattern_state s = pattern_state(p, sector, device);

		if (s == PATTERN_GOOD && p->seq >= low && p->seq <= high)
			continue;
		pattern_print(p, sector);
		if (s != PATTERN_GOOD)
			fail("sector %llu is %s", (unsigned long long)sector, names[s]);
		fail("sector %llu has seq %llu, expected %llu to %llu", (unsigned long long)sector,
		     (unsigned long long)p->seq, (unsigned long long)low, (unsigned long long)high);
	}
}

void *io_alloc(size_t size)
{
	void *p;

	if (posix_memalign(&p, 4096, size))
		fail("no memory");
	memset(p, 0, size);
	return p;
}

void read_all(int fd, void *buf, size_t size, uint64_t offset)
{
	ssize_t n = pread(fd, buf, size, offset);

	if (n != (ssize_t)size)
		fail("read of %zu at %llu: %s", size, (unsigned long long)offset, result_name(n < 0 ? -errno : n));
}

void write_all(int fd, const void *buf, size_t size, uint64_t offset)
{
	ssize_t n = pwrite(fd, buf, size, offset);

	if (n != (ssize_t)size)
		fail("write of %zu at %llu: %s", size, (unsigned long long)offset, result_name(n < 0 ? -errno : n));
}

void seed_fill(void *buf, size_t size, uint64_t offset, uint64_t seed)
{
	uint64_t *w = buf;
	size_t i;

	for (i = 0; i < size / 8; i++)
		w[i] = mix(offset / 8 + i + (seed << 40));
}

void seed_write(int fd, size_t size, uint64_t offset, uint64_t seed)
{
	void *buf = io_alloc(IO_STEP);
	size_t n;

	for (; size; size -= n, offset += n) {
		n = size < IO_STEP ? size : IO_STEP;
		seed_fill(buf, n, offset, seed);
		write_all(fd, buf, n, offset);
	}
	free(buf);
}

int64_t seed_differs(int fd, size_t size, uint64_t offset, uint64_t seed)
{
	uint64_t *want = io_alloc(IO_STEP), *got = io_alloc(IO_STEP);
	int64_t at = -1;
	size_t n, i;

	for (; size && at < 0; size -= n, offset += n) {
		n = size < IO_STEP ? size : IO_STEP;
		seed_fill(want, n, offset, seed);
		read_all(fd, got, n, offset);
		for (i = 0; i < n / 8 && at < 0; i++)
			if (want[i] != got[i])
				at = offset + i * 8;
	}
	free(want);
	free(got);
	return at;
}

uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}
