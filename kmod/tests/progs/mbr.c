/* SPDX-License-Identifier: GPL-2.0 */
/* mbr DEVICE START:SIZE ...: writes a DOS partition table of up to four partitions, in MiB; none at all clears it */
#define _GNU_SOURCE
#include "blksnap.h"
#include "pattern.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	unsigned char *sector = io_alloc(4096), *entry;
	unsigned int start, size;
	int i, fd;

	if (argc < 2 || argc > 6)
		fail("usage: mbr DEVICE [START:SIZE ...], at most four");
	fd = open_dev(argv[1], O_WRONLY | O_DIRECT);
	for (i = 2; i < argc; i++) {
		check(sscanf(argv[i], "%u:%u", &start, &size) == 2, "%s: not START:SIZE", argv[i]);
		start *= 2048;
		size *= 2048;
		entry = sector + 446 + (i - 2) * 16;
		entry[4] = 0x83;
		memcpy(entry + 8, &start, 4);
		memcpy(entry + 12, &size, 4);
	}
	sector[510] = 0x55;
	sector[511] = 0xaa;
	write_all(fd, sector, 4096, 0);
	check(!fsync(fd), "fsync: %s", errno_name(errno));
	return 0;
}
