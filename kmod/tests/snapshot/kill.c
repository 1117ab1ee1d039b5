// SPDX-License-Identifier: GPL-2.0
/*
 * a writer that is killed, or showered with signals, while it waits for a copy does not harm the snapshot (fault 18)
 * timeout: 300
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "random.h"
#include "source.h"

#define WRITERS 6

static void ignore(int signal)
{
	(void)signal;
}

/* Overwrites the whole device with seed 2, in pieces, each copied first. */
static void writer(const struct source *source, int number, bool showered)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction sa = { .sa_handler = ignore };
	void *buf = io_alloc(65536);

	if (showered) {
		sigaction(SIGALRM, &sa, NULL);
		setitimer(ITIMER_REAL, &often, NULL);
	}
	for (uint64_t at = number * 65536; at < source->size; at += WRITERS * 65536) {
		seed_fill(buf, 65536, at, 2);
		if (pwrite(source->fd, buf, 65536, at) != 65536)
			_exit(1);
	}
	_exit(0);
}

int main(void)
{
	/* Reads take 20 ms, so a copy takes that: time enough to be killed in. */
	struct source source = source_open(sh("d=$(dev_null 8); dm slow \"0 16384 delay $d 0 20 $d 0 0\""));
	uint64_t rng = random_seed();
	struct blksnap_uuid id;
	int image, status, failed = 0;

	seed_write(source.fd, source.size, 0, 1);
	id = take_one("/tmp", 64 * MIB, &source);
	image = image_open(source.fd, O_RDONLY | O_DIRECT);
	for (int round = 0; round < 12; round++) {
		pid_t pid[WRITERS];

		for (int i = 0; i < WRITERS; i++) {
			pid[i] = fork();
			if (!pid[i])
				writer(&source, i, round % 2);
		}
		usleep(20000 + random_below(&rng, 80000));
		for (int i = 0; i < WRITERS; i++) {
			if (round < 11 && kill(pid[i], SIGKILL))
				fail("kill: %s", errno_name(errno));
			waitpid(pid[i], &status, 0);
			failed += WIFEXITED(status) && WEXITSTATUS(status);
		}
		check(!failed, "%d writes to the source failed", failed);
		check(!image_error(source.fd), "fault 18: the snapshot failed with %s",
		      result_name(image_error(source.fd)));
	}
	seed_check(image, source.size, 0, 1);
	seed_check(source.fd, source.size, 0, 2);
	close(image);
	destroy(&id);
	source_close(&source);
	return 0;
}
