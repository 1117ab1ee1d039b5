// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "random.h"
#include "writers.h"

#define LOG_SIZE	(1u << 16)	/* writes between two judged takes, at most */
#define NOWAIT_SECTORS	8		/* a longer one may be split, and half of it refused */

struct entry {
	uint32_t start;		/* within the stripe */
	uint32_t count;
};

struct writer {
	struct writers *all;
	pthread_t thread;
	uint32_t number;
	uint64_t first;		/* sector on the device */
	uint64_t sectors;
	uint64_t rng;
	void *buf;
	struct entry *log;	/* of write n at n % LOG_SIZE */
	atomic_uint_fast64_t issued, completed;
	atomic_uint_fast64_t judged; /* entries up to this one are free again */
	uint64_t least, most;	/* bounds of the last take */
	uint64_t *model;	/* write that each sector shows in the last judged image */
};

struct writers {
	struct writers_config config;
	int fd;
	atomic_bool stop;
	struct writer *writer;
};

static void put(struct writer *w, uint64_t seq, uint32_t start, uint32_t count)
{
	size_t bytes = (size_t)count * SECTOR;
	off_t at = (w->first + start) * SECTOR;
	struct iovec iov = { w->buf, bytes };
	ssize_t done = -1;

	pattern_fill(w->buf, w->first + start, count, seq, w->number, 0);
	if (count <= NOWAIT_SECTORS && seq % 8 == 0) {
		done = pwritev2(w->all->fd, &iov, 1, at, RWF_NOWAIT);
		if (done < 0 && errno != EAGAIN && errno != EOPNOTSUPP)
			fail("write without waiting: %s", errno_name(errno));
	}
	if (done < 0)
		done = pwritev2(w->all->fd, &iov, 1, at, seq % 16 == 1 ? RWF_DSYNC : 0);
	if (done != (ssize_t)bytes)
		fail("write to the source: %s", done < 0 ? errno_name(errno) : "short");
}

static void fill_stripe(struct writer *w)
{
	/* Write 1 is the whole stripe, in pieces: it completes before any take. */
	for (uint64_t at = 0; at < w->sectors; at += w->all->config.max_sectors) {
		uint64_t left = w->sectors - at;

		put(w, 1, at, left < w->all->config.max_sectors ? left :
						w->all->config.max_sectors);
	}
	for (uint64_t i = 0; i < w->sectors; i++)
		w->model[i] = 1;
	w->issued = w->completed = w->judged = 1;
}

static void choose(struct writer *w, struct entry *entry)
{
	uint32_t max = w->all->config.max_sectors, count;

	switch (random_below(&w->rng, 8)) {
	case 0:			/* anything */
		count = 1 + random_below(&w->rng, max);
		break;
	case 1 ... 3:		/* a page, aligned */
		count = max < 8 ? max : 8;
		entry->count = count;
		entry->start = random_below(&w->rng, w->sectors / count) * count;
		return;
	default:
		count = 1 + random_below(&w->rng, max < 16 ? max : 16);
	}
	entry->count = count;
	entry->start = random_below(&w->rng, w->sectors - count + 1);
}

static void *writer_run(void *arg)
{
	struct writer *w = arg;

	while (!w->all->stop) {
		uint64_t seq = w->issued + 1;
		struct entry *entry = &w->log[seq % LOG_SIZE];

		if (seq - w->judged >= LOG_SIZE) {
			usleep(1000);
			continue;
		}
		choose(w, entry);
		w->issued = seq;
		put(w, seq, entry->start, entry->count);
		w->completed = seq;
		if (w->all->config.pause_us)
			usleep(w->all->config.pause_us);
	}
	return NULL;
}

struct writers *writers_start(const struct writers_config *config)
{
	struct writers *all = calloc(1, sizeof(*all));
	uint64_t stripe = config->sectors / config->threads & ~7ULL;

	all->config = *config;
	all->fd = open_dev(config->path, O_RDWR | O_DIRECT);
	all->writer = calloc(config->threads, sizeof(*all->writer));
	for (unsigned int i = 0; i < config->threads; i++) {
		struct writer *w = &all->writer[i];

		w->all = all;
		w->number = i;
		w->first = i * stripe;
		w->sectors = i + 1 < config->threads ? stripe : config->sectors - w->first;
		w->rng = config->seed + i * 7920;
		w->log = calloc(LOG_SIZE, sizeof(*w->log));
		w->model = calloc(w->sectors, sizeof(*w->model));
		w->buf = io_alloc((size_t)config->max_sectors * SECTOR);
		check(w->log && w->model, "no memory");
		fill_stripe(w);
	}
	for (unsigned int i = 0; i < config->threads; i++)
		if (pthread_create(&all->writer[i].thread, NULL, writer_run, &all->writer[i]))
			fail("no thread");
	return all;
}

void writers_before_take(struct writers *all)
{
	for (unsigned int i = 0; i < all->config.threads; i++)
		all->writer[i].least = all->writer[i].completed;
}

void writers_after_take(struct writers *all)
{
	for (unsigned int i = 0; i < all->config.threads; i++)
		all->writer[i].most = all->writer[i].issued;
}

/* Brings the model from the last judged write to @last. */
static void replay(struct writer *w, uint64_t last, uint8_t *touched)
{
	for (uint64_t seq = w->judged + 1; seq <= last; seq++) {
		const struct entry *entry = &w->log[seq % LOG_SIZE];

		for (uint32_t i = 0; i < entry->count; i++) {
			w->model[entry->start + i] = seq;
			if (touched)
				touched[w->first + entry->start + i] = 1;
		}
	}
	w->judged = last;
}

#define SHOWN 8

static unsigned int judge(struct writer *w, const struct pattern *image, uint8_t *touched,
			  unsigned int faults)
{
	uint64_t last = 0;

	for (uint64_t i = 0; i < w->sectors; i++) {
		uint64_t position = w->first + i;

		if (pattern_state(&image[position], position, 0) != PATTERN_GOOD ||
		    image[position].writer != w->number) {
			if (faults++ < SHOWN)
				pattern_print(&image[position], position);
			continue;
		}
		if (image[position].seq > last)
			last = image[position].seq;
	}
	if (last < w->least || last > w->most) {
		printf("writer %u: image ends with write %llu, but %llu had completed before the take and %llu were issued after it\n",
		       w->number, (unsigned long long)last, (unsigned long long)w->least,
		       (unsigned long long)w->most);
		faults++;
		last = last < w->least ? w->least : w->most;
	}
	replay(w, last, touched);
	for (uint64_t i = 0; i < w->sectors; i++) {
		const struct pattern *sector = &image[w->first + i];

		if (sector->seq != w->model[i] && faults++ < SHOWN)
			printf("sector %llu: shows write %llu of writer %u, must show %llu; the image ends with %llu\n",
			       (unsigned long long)(w->first + i),
			       (unsigned long long)sector->seq, w->number,
			       (unsigned long long)w->model[i], (unsigned long long)last);
	}
	return faults;
}

unsigned int writers_judge(struct writers *all, const void *image, uint8_t *touched)
{
	unsigned int faults = 0;

	for (unsigned int i = 0; i < all->config.threads; i++)
		faults = judge(&all->writer[i], image, touched, faults);
	return faults;
}

uint64_t writers_total(const struct writers *all)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < all->config.threads; i++)
		total += all->writer[i].completed;
	return total;
}

void writers_stop(struct writers *all)
{
	all->stop = true;
	for (unsigned int i = 0; i < all->config.threads; i++) {
		pthread_join(all->writer[i].thread, NULL);
		free(all->writer[i].buf);
		free(all->writer[i].log);
		free(all->writer[i].model);
	}
	close(all->fd);
	free(all->writer);
	free(all);
}
