/*
 * faults 3 and 8: a take that fails while it holds all writes back lets go of every device, and leaves none half taken
 * timeout: 120
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source.h"

int main(void)
{
	struct source s[3];
	struct blksnap_snapshotinfo info;
	struct blksnap_uuid id;
	int i, ret, image, status;
	pid_t writer;

	s[0] = source_open(sh("dev_null 8"));
	s[1] = source_open(sh("d=$(dev_null 8); dm_linear stuck $d"));
	s[2] = source_open(sh("dev_null 8"));
	for (i = 0; i < 3; i++)
		seed_write(s[i].fd, MIB, 0, 1);
	must(snap_create(control(), "/tmp", 32 * MIB / SECTOR, &id));
	for (i = 0; i < 3; i++)
		must(snap_add(s[i].fd, &id));

	/* A write to a suspended device does not end, and so no instant without writes comes. */
	sh("dmsetup suspend stuck");
	writer = fork();
	if (!writer) {
		seed_write(s[1].fd, 4096, 0, 2);
		_exit(0);
	}
	usleep(500000);
	ret = snap_take(control(), &id);
	printf("take with a stuck device: %s\n", result_name(ret));
	check(ret < 0, "a take succeeded while a write was under way");

	for (i = 0; i < 3; i += 2) {
		seed_write(s[i].fd, MIB, 0, 3);
		must(snap_info(s[i].fd, &info));
		check(!info.image[0], "an image of a take that failed");
	}
	sh("dmsetup resume stuck");
	check(waitpid(writer, &status, 0) == writer && !status, "the stuck write failed");
	seed_write(s[1].fd, MIB, 0, 3);

	/* The same snapshot, or another one, can be taken now. */
	must(snap_destroy(control(), &id));
	id = take_of("/tmp", 32 * MIB, (const struct source *[]){ &s[0], &s[1], &s[2] }, 3);
	for (i = 0; i < 3; i++) {
		seed_write(s[i].fd, MIB, 0, 4);
		image = image_open(s[i].fd, O_RDONLY);
		seed_check(image, MIB, 0, 3);
		close(image);
		seed_check(s[i].fd, MIB, 0, 4);
	}
	return 0;
}
