// SPDX-License-Identifier: GPL-2.0
/*
 * reading the map into a file on the filesystem that a take freezes, and that take, do not wait for each other
 * timeout: 120
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source.h"

/* Into a new mapping each time, every page of which the file system has to be asked for. */
static void read_map(int fd)
{
	int file = open("/tmp/m/map", O_RDWR | O_CREAT, 0600);
	struct blksnap_cbtinfo info;

	must(cbt_info(fd, &info));
	check(!ftruncate(file, info.block_count), "ftruncate");
	for (;;) {
		void *to;

		to = mmap(NULL, info.block_count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		check(to != MAP_FAILED, "mmap");
		want(cbt_map(fd, 0, info.block_count, to), info.block_count);
		munmap(to, info.block_count);
	}
}

int main(void)
{
	struct source source;
	pid_t pid;

	must(param_set("tracking_block_minimum_shift", 9));
	source = source_open(sh("dev_null 64"));
	sh("mkfs.ext4 -q %s; mkdir /tmp/m; mount %s /tmp/m", source.path, source.path);
	pid = fork();
	if (!pid)
		read_map(source.fd);
	for (unsigned int i = 0; i < repeats(40); i++) {
		struct blksnap_uuid id = take_one("/tmp", 64 * MIB, &source);

		destroy(&id);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	sh("umount /tmp/m");
	source_close(&source);
	return 0;
}
