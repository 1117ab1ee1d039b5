/*
 * fault 3: after a take that fails, no device is frozen: all of them take writes, and the next snapshot succeeds
 * timeout: 90
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "source.h"

int main(void)
{
	struct source a = source_open(sh("dev_null 8")), b = source_open(sh("dev_null 8")), c = source_open(sh("dev_null 8"));
	struct blksnap_uuid id;
	int ret, image;

	seed_write(a.fd, MIB, 0, 1);
	must(snap_create(control(), "/tmp", 16 * MIB / SECTOR, &id));
	must(snap_add(a.fd, &id));
	must(snap_add(b.fd, &id));
	must(snap_add(c.fd, &id));
	sh("null_remove %s", b.path);
	ret = snap_take(control(), &id);
	printf("take with a removed device: %s\n", result_name(ret));
	check(ret < 0, "a take succeeded that cannot have all of its devices");
	seed_write(a.fd, MIB, 0, 2);
	seed_write(c.fd, MIB, 0, 2);
	seed_check(a.fd, MIB, 0, 2);
	must(snap_destroy(control(), &id));
	seed_write(a.fd, MIB, 0, 3);

	must(snap_create(control(), "/tmp", 16 * MIB / SECTOR, &id));
	must(snap_add(a.fd, &id));
	must(snap_add(c.fd, &id));
	must(snap_take(control(), &id));
	seed_write(a.fd, MIB, 0, 4);
	image = image_open(a.fd, O_RDONLY);
	seed_check(image, MIB, 0, 3);
	return 0;
}
