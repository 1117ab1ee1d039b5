// SPDX-License-Identifier: GPL-2.0
/*
 * one 4 KiB write into each of 128 ranges of 256 KiB: instructions and bytes copied, beside dm-snapshot with 4 KiB units
 * timeout: 300
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "source.h"

#define RANGES	128
#define RANGE	(256 << 10)

static void *buf;

/* Microseconds of a clock that counts instructions, a thousand each. */
static double write_ranges(const char *device)
{
	int fd = open_dev(device, O_RDWR | O_DIRECT);
	uint64_t begin = now_ns();

	for (int i = 0; i < RANGES; i++)
		check(pwrite(fd, buf, 4096, (off_t)i * RANGE) == 4096, "write: %m");
	begin = now_ns() - begin;
	close(fd);
	return begin / 1000.0;
}

static void report(const char *what, double us, double base)
{
	printf("%-44s %8.0f us %6.2f\n", what, us, us / base);
	fflush(stdout);
}

static void blksnap(const char *device, const char *storage, const char *what, double base)
{
	struct source source = source_open(strdup(device));
	struct blksnap_uuid id = take_one(storage, 64 * MIB, &source);
	struct blksnap_device_stat stat;

	report(what, write_ranges(device), base);
	must(dev_stat(source.fd, &stat));
	printf("  %llu bytes copied\n", (unsigned long long)stat.copied_bytes);
	check(stat.copied_bytes == RANGES * 4096, "more was copied than is overwritten");
	destroy(&id);
	must(bf_detach(source.fd));
	close(source.fd);
}

int main(void)
{
	double base;

	check(!posix_memalign(&buf, 4096, 4096), "no memory");
	memset(buf, 1, 4096);
	sh("dev_brd 64 3");
	/* RAM disks take a page when one is first written. */
	sh("for i in 0 1; do dd if=/dev/zero of=/dev/ram$i bs=1M count=64 oflag=direct 2>/dev/null; done");
	write_ranges("/dev/ram0");
	base = write_ranges("/dev/ram0");
	report("no snapshot", base, base);
	blksnap("/dev/ram0", "/dev/ram1", "blksnap, storage on a block device", base);
	blksnap("/dev/ram0", sh("storage_dir"), "blksnap, storage on tmpfs", base);
	for (int units = 8; units <= 512; units *= 64) {
		char what[64];

		sh("dd if=/dev/zero of=/dev/ram1 bs=4k count=4 oflag=direct 2>/dev/null;"
		   "n=$(sectors /dev/ram0); dm_linear below /dev/ram0;"
		   "dm origin \"0 $n snapshot-origin /dev/mapper/below\";"
		   "dm snap \"0 $n snapshot /dev/mapper/below /dev/ram1 N %d\"", units);
		snprintf(what, sizeof(what), "dm-snapshot, units of %d KiB", units / 2);
		report(what, write_ranges("/dev/mapper/origin"), base);
		sh("dmsetup remove snap; dmsetup remove origin; dmsetup remove below");
	}
	return 0;
}
