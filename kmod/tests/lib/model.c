// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "model.h"
#include "random.h"
#include "volume.h"

#define VOLUMES		2
#define MAX_IO		(1 << 20)	/* bytes */
#define HISTORY		24
#define FULL_CHECK	200		/* steps between two comparisons of everything */

struct held {
	struct blksnap_uuid id;
	unsigned int volumes;	/* bit set; 0: none is held */
};

static struct volume volumes[VOLUMES];
static int images[VOLUMES];
static struct held held[VOLUMES];
static uint64_t rng;
static uint8_t *buf;
static unsigned int step;

static char history[HISTORY][120];
static unsigned int logged;

__attribute__((format(printf, 1, 2)))
static void note(const char *format, ...)
{
	char *line = history[logged++ % HISTORY];
	int used = snprintf(line, sizeof(*history), "step %u: ", step);
	va_list args;

	va_start(args, format);
	vsnprintf(line + used, sizeof(*history) - used, format, args);
	va_end(args);
}

static void print_history(void)
{
	printf("mismatch at step %u; before it:\n", step);
	for (unsigned int i = logged < HISTORY ? 0 : logged - HISTORY; i < logged; i++)
		printf("  %s\n", history[i % HISTORY]);
	fflush(stdout);
}

static uint64_t below(uint64_t n)
{
	return random_below(&rng, n);
}

struct range {
	uint64_t at, length;
};

/* Small ones mostly; some large, some at the ends of the device. */
static struct range pick(const struct volume *v, uint64_t align)
{
	uint64_t most = (below(4) ? 16384 : MAX_IO) / align;
	struct range r = { .length = (1 + below(most ? most : 1)) * align };

	switch (below(8)) {
	case 0:
		r.at = 0;
		break;
	case 1:
		r.at = (v->size - r.length) / align * align;
		break;
	default:
		r.at = below((v->size - r.length) / align + 1) * align;
	}
	return r;
}

static void fill(uint64_t length)
{
	for (uint64_t i = 0; i < length; i += 8) {
		uint64_t word = random_next(&rng);

		memcpy(buf + i, &word, 8);
	}
}

static unsigned long long ull(uint64_t value)
{
	return value;
}

/* Each operation gets a volume at random, and may find that it does not apply now. */

static void source_write(struct volume *v)
{
	struct range r = pick(v, SECTOR);
	int flags[] = { 0, 0, 0, RWF_DSYNC, RWF_NOWAIT };
	int flag = flags[below(5)];
	struct iovec iov = { buf, r.length };
	ssize_t done;

	note("%s: write %llu+%llu flags %#x", v->source.path, ull(r.at), ull(r.length), flag);
	fill(r.length);
	done = pwritev2(v->source.fd, &iov, 1, r.at, flag);
	if (done < 0 && flag == RWF_NOWAIT && errno == EAGAIN) /* some of it may be there */
		done = pwrite(v->source.fd, buf, r.length, r.at);
	if (done != (ssize_t)r.length)
		fail("source write: %s", done < 0 ? strerror(errno) : "short");
	memcpy(v->data + r.at, buf, r.length);
	volume_wrote(v, r.at, r.length);
}

/* Written through the page cache, synced here or only by the take's freeze. */
static void buffered_write(struct volume *v)
{
	struct range r = pick(v, 1);
	int fd = open_dev(v->source.path, O_RDWR);

	note("%s: buffered write %llu+%llu", v->source.path, ull(r.at), ull(r.length));
	fill(r.length + 8);
	write_all(fd, buf, r.length, r.at);
	if (fsync(fd))
		fail("fsync: %s", strerror(errno));
	close(fd);
	memcpy(v->data + r.at, buf, r.length);
	volume_wrote(v, r.at, r.length);
}

static void wipe(struct volume *v, unsigned long request, const char *what)
{
	struct range r = pick(v, UNIT);

	note("%s: %s %llu+%llu", v->source.path, what, ull(r.at), ull(r.length));
	if (ioctl(v->source.fd, request, &r)) {
		if (errno == EOPNOTSUPP)
			return;
		fail("%s: %s", what, strerror(errno));
	}
	/* What a discard leaves is the device's business. */
	read_all(v->source.fd, v->data + r.at, r.length, r.at);
	volume_wrote(v, r.at, r.length);
}

static void source_discard(struct volume *v)
{
	wipe(v, BLKDISCARD, "BLKDISCARD");
}

static void source_zeroout(struct volume *v)
{
	wipe(v, BLKZEROOUT, "BLKZEROOUT");
}

static void source_read(struct volume *v)
{
	struct range r = pick(v, SECTOR);

	note("%s: read %llu+%llu", v->source.path, ull(r.at), ull(r.length));
	volume_check_data(v, r.at, r.length);
}

static void dirty(struct volume *v)
{
	struct blksnap_sectors sectors[4];
	unsigned int count = 1 + below(4);

	for (unsigned int i = 0; i < count; i++) {
		struct range r = pick(v, SECTOR);

		note("%s: dirty %llu+%llu", v->source.path, ull(r.at), ull(r.length));
		sectors[i] = (struct blksnap_sectors){ r.at / SECTOR, r.length / SECTOR };
		volume_dirtied(v, r.at, r.length);
	}
	must(cbt_dirty(v->source.fd, sectors, count));
}

static void check_map(struct volume *v)
{
	note("%s: map", v->source.path);
	volume_check_map(v);
}

static int image_of(const struct volume *v)
{
	return images[v - volumes];
}

static void image_read(struct volume *v)
{
	struct range r = pick(v, SECTOR);

	if (!v->image)
		return;
	note("%s: image read %llu+%llu", v->source.path, ull(r.at), ull(r.length));
	volume_check_image(v, image_of(v), r.at, r.length);
}

static void image_write(struct volume *v)
{
	struct range r = pick(v, SECTOR);

	if (!v->image || !volume_kept(v, r.at, r.length))
		return;
	note("%s: image write %llu+%llu", v->source.path, ull(r.at), ull(r.length));
	fill(r.length);
	if (pwrite(image_of(v), buf, r.length, r.at) != (ssize_t)r.length)
		fail("image write: %s", strerror(errno));
	memcpy(v->image + r.at, buf, r.length);
	volume_dirtied(v, r.at, r.length);
}

static void image_release(struct volume *v)
{
	struct range r = pick(v, UNIT);

	if (!v->image)
		return;
	if (!v->release) {
		note("%s: release on", v->source.path);
		must(snap_release(v->source.fd, true));
		v->release = true;
	}
	note("%s: release %llu+%llu", v->source.path, ull(r.at), ull(r.length));
	if (ioctl(image_of(v), BLKDISCARD, &r))
		fail("release: %s", strerror(errno));
	volume_discarded_image(v, r.at, r.length);
}

/* Each in its bounds; some are refused as against each other, which is right. */
static void change_parameters(void)
{
	param_set("copy_unit_shift", 12 + below(4));
	param_set("chunk_minimum_shift", 14 + below(6));
	param_set("chunk_maximum_in_queue", 1 + below(below(2) ? 4 : 256));
	/* Not below a page: of a smaller block a buffered write may mark the neighbours. */
	param_set("tracking_block_minimum_shift", 12 + below(6));
	note("copy unit %ld, chunk %ld, queue %ld", param_get("copy_unit_shift"),
	     param_get("chunk_minimum_shift"), param_get("chunk_maximum_in_queue"));
}

/* A snapshot of this volume, or of all that are free. */
static void take(struct volume *v)
{
	const struct source *list[VOLUMES];
	unsigned int count = 0, bits = 0, all = below(2);
	struct held *slot = held[0].volumes ? &held[1] : &held[0];

	for (unsigned int i = 0; i < VOLUMES; i++) {
		if (volumes[i].image || (!all && v != &volumes[i]))
			continue;
		list[count++] = &volumes[i].source;
		bits |= 1 << i;
	}
	if (!count || slot->volumes)
		return;
	if (!below(4))
		change_parameters();
	note("take of set %#x", bits);
	slot->id = take_of("/tmp", 256 * MIB, list, count);
	slot->volumes = bits;
	for (unsigned int i = 0; i < VOLUMES; i++) {
		if (!(bits & 1 << i))
			continue;
		volume_took(&volumes[i]);
		images[i] = image_open(volumes[i].source.fd, O_RDWR | O_DIRECT);
	}
}

static void drop(struct held *slot)
{
	note("destroy of set %#x", slot->volumes);
	for (unsigned int i = 0; i < VOLUMES; i++) {
		if (!(slot->volumes & 1 << i))
			continue;
		if (image_error(volumes[i].source.fd))
			fail("the snapshot failed with %d", image_error(volumes[i].source.fd));
		close(images[i]);
		volume_dropped(&volumes[i]);
	}
	destroy(&slot->id);
	slot->volumes = 0;
}

static void drop_of(struct volume *v)
{
	for (unsigned int i = 0; i < VOLUMES; i++)
		if (held[i].volumes & 1 << (v - volumes))
			drop(&held[i]);
}

/* Many takes, so that the numbers run out now and then. */
static void take_many(struct volume *v)
{
	unsigned int rounds = 1 + below(8);

	drop_of(v);
	for (unsigned int i = 0; i < rounds; i++) {
		struct blksnap_uuid id = take_one("/tmp", 256 * MIB, &v->source);

		destroy(&id);
		volume_took(v);
		volume_dropped(v);
		/* Each in turn, as a client does: it must see every renumbering. */
		volume_check_map(v);
	}
	note("%s: %u takes", v->source.path, rounds);
}

static void reattach(struct volume *v)
{
	drop_of(v);
	note("%s: detach and attach", v->source.path);
	must(bf_detach(v->source.fd));
	must(bf_attach(v->source.fd));
	volume_attach(v);
}

static const struct {
	void (*run)(struct volume *v);
	unsigned int weight;
} operations[] = {
	{ source_write, 30 },
	{ buffered_write, 4 },
	{ source_discard, 3 },
	{ source_zeroout, 3 },
	{ source_read, 5 },
	{ dirty, 3 },
	{ check_map, 6 },
	{ image_read, 20 },
	{ image_write, 10 },
	{ image_release, 3 },
	{ take, 10 },
	{ drop_of, 2 },
	{ take_many, 1 },
	{ reattach, 1 },
};

static void random_operation(void)
{
	struct volume *v = &volumes[below(VOLUMES)];
	unsigned int total = 0, dice;
	size_t i = 0;

	for (i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		total += operations[i].weight;
	dice = below(total);
	for (i = 0; dice >= operations[i].weight; i++)
		dice -= operations[i].weight;
	operations[i].run(v);
}

static void check_everything(void)
{
	for (unsigned int i = 0; i < VOLUMES; i++) {
		struct volume *v = &volumes[i];

		volume_check_map(v);
		for (uint64_t at = 0; at < v->size; at += 16 * UNIT) {
			uint64_t left = v->size - at, length = left < 16 * UNIT ? left : 16 * UNIT;

			volume_check_data(v, at, length);
			if (v->image)
				volume_check_image(v, image_of(v), at, length);
		}
	}
}

void model_run(uint64_t seed, unsigned int steps)
{
	const char *given = getenv("STEPS");

	if (given)
		steps = strtoul(given, NULL, 0);
	rng = seed;
	buf = io_alloc(MAX_IO + 8);
	volume_open(&volumes[0], sh("dev_null 4 discard=1"));
	/* Of an odd size: its last unit and its last tracking block are cut off. */
	volume_open(&volumes[1], sh("truncate -s 5244416 /tmp/odd; losetup -f --show /tmp/odd"));
	on_fail = print_history;
	for (step = 1; step <= steps; step++) {
		random_operation();
		if (step % FULL_CHECK == 0)
			check_everything();
	}
	for (unsigned int i = 0; i < VOLUMES; i++)
		drop_of(&volumes[i]);
	check_everything();
	for (unsigned int i = 0; i < VOLUMES; i++)
		source_close(&volumes[i].source);
	printf("%u steps\n", steps);
}
