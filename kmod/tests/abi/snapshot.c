/* create, add, take, collect, destroy and info answer with the errors that tools rely on */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

static const struct blksnap_uuid nobody = { "sixteen bytes..." };

static void create_errors(int ctl)
{
	struct blksnap_uuid id;

	want(snap_create(ctl, NULL, 8192, &id), -EFAULT);
	want(snap_create(ctl, (void *)0x8000, 8192, &id), -EFAULT);
	want(snap_create(ctl, "/tmp/missing", 8192, &id), -ENOENT);
	want(snap_create(ctl, "/dev/null", 8192, &id), -EINVAL);
	want(snap_create(ctl, "/tmp", 0, &id), -ENOSPC);
	want(snap_collect(ctl, NULL, &(uint32_t){ 0 }), 0);
}

int main(void)
{
	struct source a = source_open(sh("dev_null 16")), b = source_open(sh("dev_null 16"));
	char *plain = sh("dev_null 16");
	struct blksnap_uuid one, two, ids[4];
	struct blksnap_snapshotinfo info;
	struct blksnap_snapshot_event event;
	int ctl = ctl_open(), fd = open_dev(plain, O_RDWR);
	char name[64];
	struct stat st;
	uint32_t count;

	create_errors(ctl);

	want(snap_take(ctl, &nobody), -ESRCH);
	want(snap_destroy(ctl, &nobody), -ENODEV);
	want(snap_event(ctl, &nobody, 1, &event), -ESRCH);
	want(snap_add(a.fd, &nobody), -ESRCH);

	must(snap_create(ctl, "/tmp", 8192, &one));
	must(snap_create(ctl, "/tmp", 8192, &two));
	check(memcmp(&one, &two, 16), "two snapshots with one id");
	want(snap_take(ctl, &one), -ENODEV);
	want(snap_event(ctl, &one, 1, &event), -ENOENT);
	want(snap_add(fd, &one), -ENOENT);	/* not attached */

	/* how many there are; the array may be too small, but not bad */
	count = 0;
	want(snap_collect(ctl, NULL, &count), 0);
	check(count == 2, "%u snapshots instead of 2", count);
	count = 1;
	want(snap_collect(ctl, ids, &count), -ENODATA);
	check(count == 2, "%u snapshots instead of 2", count);
	count = 4;
	want(snap_collect(ctl, ids, &count), 0);
	check(count == 2, "%u snapshots instead of 2", count);
	check((!memcmp(&ids[0], &one, 16) && !memcmp(&ids[1], &two, 16)) ||
	      (!memcmp(&ids[0], &two, 16) && !memcmp(&ids[1], &one, 16)), "other ids than were created");

	must(snap_add(a.fd, &one));
	want(snap_add(a.fd, &one), -EALREADY);
	want(snap_add(a.fd, &two), -EBUSY);
	must(snap_info(a.fd, &info));
	check(!info.error_code && !info.image[0], "an image '%.32s' before the take", info.image);
	must(snap_take(ctl, &one));
	want(snap_take(ctl, &one), -EALREADY);
	want(snap_add(b.fd, &one), -EALREADY);
	want(snap_add(a.fd, &one), -EALREADY);
	want(snap_add(a.fd, &two), -EBUSY);

	memset(&info, 0xee, sizeof(info));
	must(snap_info(a.fd, &info));
	check(!fstat(a.fd, &st), "fstat");
	snprintf(name, sizeof(name), BLKSNAP_IMAGE_NAME "%u:%u", (unsigned int)(st.st_rdev >> 8 & 0xfff),
		 (unsigned int)(st.st_rdev & 0xff));
	check(info.error_code == 0 && !strcmp((char *)info.image, name), "image '%.32s' instead of %s", info.image, name);
	close(image_open(a.fd, O_RDONLY));

	must(snap_destroy(ctl, &one));
	want(snap_destroy(ctl, &one), -ENODEV);
	snprintf(name, sizeof(name), "/dev/%.32s", info.image);
	for (count = 0; count < 100 && !access(name, F_OK); count++)
		usleep(20000);
	check(access(name, F_OK), "%s outlives its snapshot", name);
	must(snap_info(a.fd, &info));
	check(!info.image[0], "still an image '%.32s'", info.image);

	/* what was in one is free for the other */
	must(snap_add(a.fd, &two));
	must(snap_add(b.fd, &two));
	must(snap_take(ctl, &two));

	/* the control fd is no more than a way to talk */
	close(ctl);
	ctl = ctl_open();
	close(image_open(b.fd, O_RDONLY));
	must(snap_destroy(ctl, &two));
	count = 4;
	want(snap_collect(ctl, ids, &count), 0);
	check(!count, "%u snapshots are left", count);
	return 0;
}
