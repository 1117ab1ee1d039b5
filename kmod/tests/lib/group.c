// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "group.h"
#include "source.h"

#define MAX_DEVICES	8
#define MAX_THREADS	16
#define SLOT		4096u	/* of each thread, on each device */

struct group;

struct thread {
	struct group *group;
	pthread_t id;
	uint32_t number;
	atomic_uint_fast64_t issued, completed; /* on all devices */
	uint64_t least;
	void *buf;
};

struct group {
	unsigned int devices, threads;
	struct source source[MAX_DEVICES];
	struct thread thread[MAX_THREADS];
	atomic_bool stop;
};

/* Slots lie apart, so that no two share a unit that is copied. */
static uint64_t slot(const struct thread *t)
{
	return (uint64_t)t->number * 128 * 1024;
}

static void *run(void *arg)
{
	struct thread *t = arg;

	for (uint64_t seq = 1; !t->group->stop; seq++) {
		t->issued = seq;
		for (unsigned int i = 0; i < t->group->devices; i++) {
			pattern_fill(t->buf, slot(t) / SECTOR, SLOT / SECTOR, seq, t->number, i);
			write_all(t->group->source[i].fd, t->buf, SLOT, slot(t));
		}
		t->completed = seq;
	}
	return NULL;
}

static uint64_t number_on_image(const struct thread *t, int image, unsigned int device)
{
	static struct pattern sectors[SLOT / SECTOR] __attribute__((aligned(4096)));

	read_all(image, sectors, SLOT, slot(t));
	/* All of one write, or the slot is torn. */
	pattern_check(sectors, slot(t) / SECTOR, SLOT / SECTOR, device, sectors[0].seq,
		      sectors[0].seq);
	return sectors[0].seq;
}

static void judge(struct group *g, const struct thread *t, const int *images, uint64_t most)
{
	uint64_t first = 0, before = 0;

	for (unsigned int i = 0; i < g->devices; i++) {
		uint64_t seq = number_on_image(t, images[i], i);

		if (!i)
			first = before = seq;
		if (seq > before)
			fail("fault 13: device %u shows write %llu, device %u before it only %llu", i,
			     (unsigned long long)seq, i - 1, (unsigned long long)before);
		if (seq + 1 < first)
			fail("device %u shows write %llu, device 0 already %llu", i,
			     (unsigned long long)seq, (unsigned long long)first);
		before = seq;
	}
	if (before < t->least || first > most)
		fail("thread %u: %llu..%llu in the images, %llu was complete before the take, %llu issued after it",
		     t->number, (unsigned long long)before, (unsigned long long)first,
		     (unsigned long long)t->least, (unsigned long long)most);
}

static void round_once(struct group *g)
{
	const struct source *list[MAX_DEVICES];
	struct blksnap_uuid id;
	uint64_t most[MAX_THREADS];
	int images[MAX_DEVICES];

	for (unsigned int i = 0; i < g->devices; i++)
		list[i] = &g->source[i];
	for (unsigned int i = 0; i < g->threads; i++)
		g->thread[i].least = g->thread[i].completed;
	id = take_of("/tmp", 64 * MIB, list, g->devices);
	for (unsigned int i = 0; i < g->threads; i++)
		most[i] = g->thread[i].issued;
	for (unsigned int i = 0; i < g->devices; i++)
		images[i] = image_open(list[i]->fd, O_RDONLY | O_DIRECT);
	for (unsigned int i = 0; i < g->threads; i++)
		judge(g, &g->thread[i], images, most[i]);
	for (unsigned int i = 0; i < g->devices; i++)
		close(images[i]);
	destroy(&id);
}

void group_rounds(unsigned int devices, unsigned int threads, unsigned int rounds)
{
	static struct group g;
	uint64_t writes = 0;

	g.devices = devices;
	g.threads = threads;
	for (unsigned int i = 0; i < devices; i++)
		g.source[i] = source_open(sh("dev_null 8"));
	for (unsigned int i = 0; i < threads; i++) {
		struct thread *t = &g.thread[i];

		t->group = &g;
		t->number = i;
		t->buf = io_alloc(SLOT);
		if (pthread_create(&t->id, NULL, run, t))
			fail("no thread: %s", strerror(errno));
	}
	for (unsigned int i = 0; i < threads; i++)
		while (!g.thread[i].completed)
			usleep(1000);
	for (unsigned int i = 0; i < rounds; i++)
		round_once(&g);
	g.stop = true;
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(g.thread[i].id, NULL);
		writes += g.thread[i].completed;
		free(g.thread[i].buf);
	}
	printf("%u rounds of %u devices, %llu numbers written\n", rounds, devices,
	       (unsigned long long)writes);
	for (unsigned int i = 0; i < devices; i++)
		source_close(&g.source[i]);
}
