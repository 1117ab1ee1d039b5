/*
 * fault 18: writers that are killed while they wait for the old data leave the snapshot intact
 * timeout: 120
 * kernels: 6.1 6.12 sanitizer
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source.h"

#define SIZE (32 * MIB)

int main(void)
{
	/* reads take 20 ms, so that there is something to wait for */
	struct source source = source_open(sh("d=$(dev_null 32); dm slow \"0 $(sectors $d) delay $d 0 20 $d 0 0\""));
	struct blksnap_uuid id;
	unsigned int round, i;
	pid_t pids[4];
	int image, status;

	seed_write(source.fd, SIZE, 0, 1);
	id = take_one("/tmp", 64 * MIB, &source);
	for (round = 0; round < 12; round++) {
		for (i = 0; i < 4; i++) {
			pids[i] = fork();
			if (!pids[i]) {
				uint64_t at = ((round * 4 + i) * 5 % 16) * 2 * MIB;

				seed_write(source.fd, 2 * MIB, at, 2);
				_exit(0);
			}
		}
		usleep(5000 + round * 7000);
		for (i = 0; i < 4; i++) {
			kill(pids[i], i % 2 ? SIGKILL : SIGTERM);
			check(waitpid(pids[i], &status, 0) == pids[i], "waitpid");
		}
	}
	want(image_error(source.fd), 0);
	image = image_open(source.fd, O_RDONLY | O_DIRECT);
	seed_check(image, SIZE, 0, 1);
	destroy(&id);
	return 0;
}
