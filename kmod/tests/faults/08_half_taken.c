/*
 * fault 8: whichever allocation of a take fails, no device is left half taken: writes go through and the next take succeeds
 * kernels: sanitizer
 * timeout: 600
 * long
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

static int fail_nth;

/* The nth allocation of this task fails; 0: none. Returns what is left to count. */
static int set_nth(int nth)
{
	char text[16];
	int left;

	memset(text, 0, sizeof(text));
	check(pread(fail_nth, text, sizeof(text) - 1, 0) > 0, "fail-nth: %s", errno_name(errno));
	left = atoi(text);
	snprintf(text, sizeof(text), "%d", nth);
	check(pwrite(fail_nth, text, strlen(text), 0) > 0, "fail-nth: %s", errno_name(errno));
	return left;
}

int main(void)
{
	struct source s[3];
	struct blksnap_uuid id;
	int nth, i, ret, left, failures = 0, image;

	for (i = 0; i < 3; i++) {
		s[i] = source_open(sh("dev_null 4"));
		seed_write(s[i].fd, 256 << 10, 0, 1);
	}
	sh("cd /sys/kernel/debug; for d in failslab fail_page_alloc; do echo N >$d/ignore-gfp-wait; echo 0 >$d/verbose; done;"
	   "echo 0 >fail_page_alloc/min-order");
	fail_nth = open_dev("/proc/self/fail-nth", O_RDWR);
	for (nth = 1; nth < 2000; nth++) {
		must(snap_create(control(), "/tmp", 8 * MIB / SECTOR, &id));
		for (i = 0; i < 3; i++)
			must(snap_add(s[i].fd, &id));
		set_nth(nth);
		ret = snap_take(control(), &id);
		left = set_nth(0);
		if (ret && ret != -ENOMEM)
			printf("allocation %d: %s\n", nth, result_name(ret));
		failures += ret < 0;
		for (i = 0; i < 3; i++)
			seed_write(s[i].fd, 8192, 4096 * nth % (256 << 10), nth + 1);
		must(snap_destroy(control(), &id));
		if (left)
			break;	/* the take has fewer allocations than that */
	}
	printf("%d allocations, %d takes failed\n", nth - 1, failures);
	check(nth < 2000, "no end of allocations");
	check(failures > 3, "injection had no effect: %d takes failed", failures);
	for (i = 0; i < 3; i++)
		seed_write(s[i].fd, 256 << 10, 0, 7);
	id = take_of("/tmp", 8 * MIB, (const struct source *[]){ &s[0], &s[1], &s[2] }, 3);
	for (i = 0; i < 3; i++) {
		seed_write(s[i].fd, 256 << 10, 0, 8);
		image = image_open(s[i].fd, O_RDONLY);
		seed_check(image, 256 << 10, 0, 7);
		close(image);
	}
	return 0;
}
