// SPDX-License-Identifier: GPL-2.0
/*
 * instructions of a 4 KiB direct write and read on null_blk, by what is attached where
 * timeout: 300
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/fs.h>
#include "blksnap.h"

#define OPERATIONS	2000
#define ROUNDS		9

static int dev, other;
static void *buf;

/* The VM's clock counts instructions: one a nanosecond. The least of some rounds has no interrupts in it. */
static double measure(ssize_t (*io)(int fd, off_t offset))
{
	uint64_t best = UINT64_MAX;
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		uint64_t begin = now_ns();

		for (i = 0; i < OPERATIONS; i++)
			check(io(dev, i * 4096L) == 4096, "I/O: %m");
		begin = now_ns() - begin;
		if (begin < best)
			best = begin;
	}
	return (double)best / OPERATIONS;
}

static ssize_t do_write(int fd, off_t offset)
{
	return pwrite(fd, buf, 4096, offset);
}

static ssize_t do_read(int fd, off_t offset)
{
	return pread(fd, buf, 4096, offset);
}

static void report(const char *what)
{
	static double base[2];
	double now[2] = { measure(do_write), measure(do_read) };

	if (!base[0]) {
		base[0] = now[0];
		base[1] = now[1];
	}
	printf("%-44s write %6.0f %+5.0f %.3f   read %6.0f %+5.0f %.3f\n", what, now[0], now[0] - base[0],
	       now[0] / base[0], now[1], now[1] - base[1], now[1] / base[1]);
	fflush(stdout);
}

static void attached(const char *filter)
{
	char text[80];

	must(bf_attach_v1(other, filter));
	snprintf(text, sizeof(text), "%s on another device", filter);
	report(text);
	must(bf_detach_name(other, filter));
	must(bf_attach_v1(dev, filter));
	snprintf(text, sizeof(text), "%s", filter);
	report(text);
}

static void release(int image, uint64_t at, uint64_t length)
{
	uint64_t range[2] = { at, length };

	check(!ioctl(image, BLKDISCARD, range), "release: %m");
}

int main(void)
{
	struct blksnap_uuid id;
	int ctl = ctl_open(), image;
	uint64_t size;

	check(!posix_memalign(&buf, 4096, 4096), "no memory");
	check(!sh_status("modprobe t_null"), "t_null.ko does not load");
	check(!sh_status("modprobe null_blk nr_devices=2 queue_mode=2 irqmode=0 gb=1"), "null_blk");
	dev = open_dev("/dev/nullb0", O_RDWR | O_DIRECT);
	other = open_dev("/dev/nullb1", O_RDWR | O_DIRECT);
	size = dev_size(dev);
	memset(buf, 1, 4096);	/* or it would be the zero page, which is slow to pin */
	measure(do_write);
	sleep(10);	/* for what a kernel still does after booting */
	report("no filter anywhere");
	attached("t-null");
	must(bf_detach_name(dev, "t-null"));
	attached(BLKSNAP_FILTER_NAME);
	snap_make(ctl, sh("storage_dir"), 1 << 17, &dev, 1, &id);
	measure(do_write);	/* the first overwrite */
	report("blksnap, snapshot held, overwritten before");
	image = image_open(dev, O_RDWR);
	must(snap_release(dev, true));
	release(image, size / 2, size / 2);
	release(image, 0, size / 4);
	report("blksnap, snapshot held, block released");
	close(image);
	must(snap_destroy(ctl, &id));
	must(bf_detach(dev));
	check(!sh_status("sleep 3"), "sleep");
	report("no filter anywhere, again");
	return 0;
}
