// SPDX-License-Identifier: GPL-2.0
/*
 * stamp FILE DELAY_US: overwrites blocks of 4 KiB of a device or file one after the other, each with the
 * number of the write, at places that follow from the number. What is there at any instant is so what
 * some number of writes leave, and nothing else: e2e/proof.py holds images against that. Goes on after
 * the highest number that it finds, until it is killed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK 4096

int main(int argc, char **argv)
{
	uint64_t *data, blocks, number = 0;
	int fd, delay;

	if (argc != 3)
		return 2;
	delay = atoi(argv[2]);
	fd = open(argv[1], O_RDWR | O_DIRECT | O_DSYNC);
	if (fd < 0 || posix_memalign((void **)&data, BLOCK, BLOCK)) {
		perror(argv[1]);
		return 1;
	}
	blocks = lseek(fd, 0, SEEK_END) / BLOCK;
	for (uint64_t block = 0; block < blocks; block++) {
		if (pread(fd, data, BLOCK, block * BLOCK) != BLOCK) {
			perror("read");
			return 1;
		}
		if (*data > number)
			number = *data;
	}
	for (;;) {
		uint64_t block = (((++number * 2654435761u) & 0xffffffff) * blocks) >> 32;

		for (int i = 0; i < BLOCK / 8; i++)
			data[i] = number;
		if (pwrite(fd, data, BLOCK, block * BLOCK) != BLOCK) {
			perror("write");
			return 1;
		}
		if (delay)
			usleep(delay);
	}
}
