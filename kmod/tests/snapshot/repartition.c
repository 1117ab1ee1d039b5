// SPDX-License-Identifier: GPL-2.0
/*
 * the partition table is read again at every stage: no filter is left behind, no false data, and attaching anew works (fault 17)
 * timeout: 180
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

enum stage { ATTACHED, ADDED, TAKEN, STAGES };

/*
 * Either the kernel refuses to take the partition away and all is as before, or
 * it is gone together with its filter: nothing in between.
 */
static void stage(enum stage stage, const char *disk, bool moved)
{
	char part[64];
	struct source source;
	struct blksnap_cbtinfo info;
	struct blksnap_uuid id;
	int image = -1, gone, fd;

	snprintf(part, sizeof(part), "%sp1", disk);
	source = source_open(strdup(part));
	seed_write(source.fd, source.size, 0, 1);
	if (stage >= ADDED) {
		must(snap_create(control(), "/tmp", 64 * MIB / SECTOR, &id));
		must(snap_add(source.fd, &id));
	}
	if (stage >= TAKEN) {
		must(snap_take(control(), &id));
		seed_write(source.fd, MIB, 0, 2);
	}
	close(source.fd);	/* an open partition cannot be taken away */
	sh_status("sync; if %s; then partition %s 6:8; else blockdev --rereadpt %s; fi",
		  moved ? "true" : "false", disk, disk);

	sh("wait_node %s", part);
	fd = open_dev(part, O_RDWR | O_DIRECT);
	gone = cbt_info(fd, &info);
	check(!!*bf_sysfs(part) == !gone, "sysfs shows filter '%s', the ioctl says %s",
	      bf_sysfs(part), result_name(gone));
	printf("stage %d: the filter is %s\n", stage, gone ? "gone" : "there");
	if (!gone && stage >= TAKEN) {
		image = image_open(fd, O_RDONLY);
		seed_check(image, source.size, 0, 1);
		close(image);
	}
	if (gone && stage == ADDED)
		check(snap_take(control(), &id) < 0, "a take without its device succeeded");
	if (stage >= ADDED)
		must(snap_destroy(control(), &id));
	if (gone)
		must(bf_attach(fd));
	id = take_one("/tmp", 64 * MIB, &(struct source){ .fd = fd });
	destroy(&id);
	must(bf_detach(fd));
	close(fd);
	free(source.path);
}

int main(void)
{
	for (int s = 0; s < STAGES; s++) {
		for (int moved = 0; moved < 2; moved++) {
			char *disk = sh("d=$(dev_null 32); partition $d 1:8 10:16; echo $d");

			stage(s, disk, moved);
			sh("null_remove %s", disk);
			free(disk);
		}
	}
	return 0;
}
