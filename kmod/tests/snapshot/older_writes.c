// SPDX-License-Identifier: GPL-2.0
/*
 * a write that was under way when its device was attached is over before the take, whatever the device
 * timeout: 60
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source.h"

/* Bio-based, so there is no queue that could be drained; writes take a second. */
#define SLOW "d=$(dev_null 16); dm_linear above $(dm slow \"0 32768 delay $d 0 0 $d 0 1000\")"

int main(void)
{
	struct source source = { .path = sh(SLOW) };
	struct blksnap_uuid id;
	int image, status;
	pid_t pid;

	source.fd = open_dev(source.path, O_RDWR | O_DIRECT);
	seed_write(source.fd, MIB, 0, 1);
	pid = fork();
	if (!pid) {
		seed_write(source.fd, 4096, 0, 2);
		_exit(0);
	}
	usleep(200000);
	must(bf_attach(source.fd));
	id = take_one("/tmp", 16 * MIB, &source);
	image = image_open(source.fd, O_RDONLY | O_DIRECT);
	seed_check(image, 4096, 0, 2);
	check(waitpid(pid, &status, 0) == pid && !status, "the write failed");
	seed_check(image, 4096, 0, 2);
	seed_check(image, MIB - 4096, 4096, 1);
	close(image);
	destroy(&id);
	source_close(&source);
	return 0;
}
