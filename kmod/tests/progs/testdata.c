/* SPDX-License-Identifier: GPL-2.0 */
/* testdata write|check DEVICE OFFSET LENGTH SEED: reproducible bytes for tests in shell, direct I/O */
#define _GNU_SOURCE
#include "blksnap.h"
#include "pattern.h"
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	uint64_t offset, length, seed;
	bool write;
	int fd;

	if (argc != 6)
		fail("usage: testdata write|check DEVICE OFFSET LENGTH SEED");
	write = !strcmp(argv[1], "write");
	fd = open_dev(argv[2], (write ? O_WRONLY : O_RDONLY) | O_DIRECT);
	offset = strtoull(argv[3], NULL, 0);
	length = strtoull(argv[4], NULL, 0);
	seed = strtoull(argv[5], NULL, 0);
	if (write)
		seed_write(fd, length, offset, seed);
	else
		seed_check(fd, length, offset, seed);
	return 0;
}
