// SPDX-License-Identifier: GPL-2.0
/*
 * a read of the image that is overtaken by changes of what it reads never returns what was not there (fault 12)
 * timeout: 180
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "source.h"

#define UNIT	4096
#define LENGTH	65536

static struct source source;
static int image;

/* A read that takes much longer than what overtakes it. */
static struct overtaken {
	pthread_t thread;
	uint64_t at;
	char *buf;
	int error;
} slow;

static void *read_slowly(void *arg)
{
	ssize_t n = pread(image, slow.buf, LENGTH, slow.at);

	slow.error = n == LENGTH ? 0 : n < 0 ? errno : EPIPE;
	return arg;
}

static void read_begin(uint64_t at)
{
	slow.at = at;
	check(!pthread_create(&slow.thread, NULL, read_slowly, NULL), "no thread");
	usleep(100000);
}

static void read_end(void)
{
	check(!pthread_join(slow.thread, NULL), "the thread is gone");
}

static bool slow_is(uint64_t offset, size_t size, uint64_t seed)
{
	static char expected[LENGTH];

	seed_fill(expected, size, slow.at + offset, seed);
	return !memcmp(slow.buf + offset, expected, size);
}

int main(void)
{
	uint64_t range[2] = { 2 * MIB, LENGTH };
	struct blksnap_uuid id;

	source = source_open(sh("d=$(dev_null 8); dm slow \"0 $(sectors $d) delay $d 0 400 $d 0 0\""));
	slow.buf = io_alloc(LENGTH);
	seed_write(source.fd, source.size, 0, 1);
	id = take_one("/tmp", 16 * MIB, &source);
	image = image_open(source.fd, O_RDWR | O_DIRECT);
	must(snap_release(source.fd, true));

	/* By a write to the image that changes nothing of it, but is near. */
	read_begin(0);
	seed_write(image, UNIT, 2 * LENGTH, 2);
	read_end();
	want(slow.error, 0);
	check(slow_is(0, LENGTH, 1), "the read was wrong after a change beside it");

	/* By one that changes a part of it: that may be seen, or not. */
	read_begin(MIB);
	seed_write(image, UNIT, MIB + UNIT, 2);
	read_end();
	want(slow.error, 0);
	check(slow_is(UNIT, UNIT, 1) || slow_is(UNIT, UNIT, 2), "of two writes one was neither read nor not");
	check(slow_is(0, UNIT, 1) && slow_is(2 * UNIT, LENGTH - 2 * UNIT, 1),
	      "the read was wrong beside what changed");
	seed_check(image, UNIT, MIB + UNIT, 2);

	/* By a release, after which the source is overwritten without a copy. */
	read_begin(range[0]);
	check(!ioctl(image, BLKDISCARD, range), "release: %s", errno_name(errno));
	seed_write(source.fd, LENGTH, range[0], 3);
	read_end();
	check(slow.error == EIO || slow_is(0, LENGTH, 1), "what was released was read as it is now");

	/* By a writer of the source, who waits for what it overwrites to be read. */
	read_begin(3 * MIB);
	seed_write(source.fd, LENGTH, 3 * MIB, 3);
	read_end();
	want(slow.error, 0);
	check(slow_is(0, LENGTH, 1), "what was written after the take was read");
	seed_check(image, LENGTH, 3 * MIB, 1);

	want(image_error(source.fd), 0);
	close(image);
	destroy(&id);
	source_close(&source);
	return 0;
}
