// SPDX-License-Identifier: GPL-2.0
/*
 * a partition that nobody has open stays while a snapshot of it is held, and its image right: reading the table again is refused; who wants it exclusively gets it
 * timeout: 120
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "source.h"

static int reread(const char *disk)
{
	int fd = open_dev(disk, O_RDONLY);
	int ret = ioctl(fd, BLKRRPART) < 0 ? -errno : 0;

	close(fd);
	return ret;
}

static int delete_partition(const char *disk)
{
	struct blkpg_partition p = { .pno = 1 };
	struct blkpg_ioctl_arg arg = { .op = BLKPG_DEL_PARTITION, .datalen = sizeof(p), .data = &p };
	int fd = open_dev(disk, O_RDONLY);
	int ret = ioctl(fd, BLKPG, &arg) < 0 ? -errno : 0;

	close(fd);
	return ret;
}

/* With nobody having the source open but the snapshot. */
static void stays(const char *disk)
{
	struct source part = source_open(sh("echo %sp1", disk));
	struct blksnap_uuid id;
	int image, fd;
	void *buf;

	seed_write(part.fd, part.size, 0, 1);
	id = take_one("/tmp", 64 * MIB, &part);
	close(part.fd);

	/* What mkfs or parted do to the disk, and udev afterwards. */
	fd = open_dev(disk, O_RDWR | O_DIRECT);
	buf = io_alloc(512);
	check(pread(fd, buf, 512, 0) == 512 && pwrite(fd, buf, 512, 0) == 512, "first sector");
	close(fd);
	free(buf);
	want(reread(disk), -EBUSY);
	want(delete_partition(disk), -EBUSY);

	/* A mount, and whatever else takes a device for itself. */
	fd = open(part.path, O_RDWR | O_EXCL | O_DIRECT);
	check(fd >= 0, "an exclusive open beside the snapshot: %m");
	seed_write(fd, part.size, 0, 2);
	image = image_open(fd, O_RDONLY | O_DIRECT);
	close(fd);
	want(reread(disk), -EBUSY);
	seed_check(image, part.size, 0, 1);
	close(image);
	destroy(&id);

	/* Released with the snapshot. */
	want(reread(disk), 0);
	sh("wait_node %s", part.path);
	free(part.path);
}

/* Nor does one that fails keep anything. */
static void failed_take(const char *disk)
{
	struct source part = source_open(sh("echo %sp1", disk)), other = source_open(sh("dev_null 8"));
	struct blksnap_uuid id;

	must(snap_create(control(), "/tmp", 8192, &id));
	must(snap_add(part.fd, &id));
	must(snap_add(other.fd, &id));
	close(part.fd);
	sh("null_remove %s", other.path);
	want(snap_take(control(), &id), -ENODEV);
	want(reread(disk), 0);
	sh("wait_node %s", part.path);
	destroy(&id);
	close(other.fd);
	free(part.path);
}

/* A disk of which all is covered can be partitioned anew: its image does not depend on that. */
static void whole_disk(const char *disk)
{
	struct blksnap_attach_opt whole = { .flags = BLKSNAP_ATTACH_WHOLE_DISK };
	int fd = open_dev(disk, O_RDWR | O_DIRECT), image, part;
	struct source source = { .fd = fd, .size = dev_size(fd) };
	struct blksnap_uuid id;

	must(bf_attach_opt(fd, BLKSNAP_FILTER_NAME, &whole, sizeof(whole)));
	seed_write(fd, source.size - MIB, MIB, 3);
	id = take_one("/tmp", 64 * MIB, &source);
	close(fd);
	want(reread(disk), 0);
	sh("wait_node %sp1", disk);
	part = open_dev(sh("echo %sp1", disk), O_RDWR | O_DIRECT);
	seed_write(part, MIB, 0, 4);
	close(part);
	fd = open_dev(disk, O_RDONLY);
	image = image_open(fd, O_RDONLY | O_DIRECT);
	seed_check(image, source.size - MIB, MIB, 3);
	close(image);
	destroy(&id);
	must(bf_detach(fd));
	close(fd);
}

/* What is below a device that is stopped must not be needed any more. */
static void stacked(void)
{
	struct source source = source_open(sh("d=$(dev_null 16); dm_linear held $d"));
	struct blksnap_uuid id = take_one("/tmp", 16 * MIB, &source);

	close(source.fd);
	check(sh_status("dmsetup remove held"), "a device goes that a snapshot is held of");
	destroy(&id);
	sh("dmsetup remove held");
	free(source.path);
}

int main(void)
{
	char *disk = sh("d=$(dev_null 32); partition $d 1:8 10:16; echo $d");

	stays(disk);
	failed_take(disk);
	whole_disk(disk);
	stacked();
	return 0;
}
