// SPDX-License-Identifier: GPL-2.0
/* Commands that go through the control device. */
#define _GNU_SOURCE
#include "ctl.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const struct hint unknown[] = {
	{ ESRCH, "there is no such snapshot; `blksnapctl list` shows them" },
	{ ENODEV, "there is no such snapshot; `blksnapctl list` shows them" },
	{ 0, NULL }
};

int control_open(void)
{
	static const struct hint hints[] = {
		{ ENOENT, "the blksnap module is not loaded; try: modprobe blksnap" },
		{ ENODEV, "the blksnap module is not loaded; try: modprobe blksnap" },
		{ ENXIO, "the blksnap module is not loaded; try: modprobe blksnap" },
		{ 0, NULL }
	};
	int fd = open("/dev/" BLKSNAP_CTL, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die_errno(errno, "open", "/dev/" BLKSNAP_CTL, hints);
	return fd;
}

static void print_id(const struct blksnap_uuid *id)
{
	printf(json ? "{\"id\": \"%s\"}\n" : "%s\n", id_text(id));
}

/* "--limit SIZE STORAGE", in any order; what is left moves to the front */
static void create(int ctl, int *argc, char **argv, struct blksnap_uuid *id)
{
	static const struct hint hints[] = {
		{ ENOENT, "no such file or directory" },
		{ EINVAL, "the storage has to be a directory, a regular file or a block device, and the limit at least a sector" },
		{ ENOSPC, "the limit is too small, or there is no room for the first portion" },
		{ EBUSY, "the storage is in use" },
		{ ETXTBSY, "the storage is in use" },
		{ 0, NULL }
	};
	struct blksnap_snapshot_create arg = { 0 };
	const char *storage = NULL, *limit = NULL;
	int i, left = 0;

	for (i = 0; i < *argc; i++) {
		if (!strcmp(argv[i], "--limit") && i + 1 < *argc)
			limit = argv[++i];
		else if (argv[i][0] == '-')
			die("unexpected '%s'", argv[i]);
		else if (!storage)
			storage = argv[i];
		else
			argv[left++] = argv[i];
	}
	if (!storage || !limit)
		die("give --limit SIZE, how much difference storage may grow to, and where it is");
	*argc = left;
	arg.diff_storage_limit_sect = parse_size(limit) / 512;
	arg.diff_storage_filename = (uintptr_t)storage;
	if (ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_CREATE, &arg))
		die_errno(errno, "create a snapshot with storage", storage, hints);
	*id = arg.id;
}

int cmd_create(int argc, char **argv)
{
	struct blksnap_uuid id;

	create(control_open(), &argc, argv, &id);
	if (argc)
		die("create: unexpected '%s'; devices are added with `add`", argv[0]);
	print_id(&id);
	return 0;
}

static int add(const struct blksnap_uuid *id, const char *path)
{
	struct blksnap_snapshotadd arg = { *id };
	int fd = device_open(path, O_RDONLY), ret;

	ret = device_ctl(fd, BLKFILTER_CTL_BLKSNAP_SNAPSHOTADD, &arg, sizeof(arg)) < 0 ? errno : 0;
	close(fd);
	return ret;
}

static const struct hint add_hints[] = {
	{ ENOENT, "the device is not tracked; start with: blksnapctl attach DEVICE" },
	{ ESRCH, "there is no such snapshot; `blksnapctl list` shows them" },
	{ EALREADY, "it is in this snapshot, or the snapshot was taken already" },
	{ EBUSY, "it is in another snapshot, or the difference storage lies on it; dmesg says how" },
	{ 0, NULL }
};

int cmd_add(int argc, char **argv)
{
	struct blksnap_uuid id;
	int err;

	parse_id(argv[0], &id);
	err = add(&id, argv[1]);
	if (err)
		die_errno(err, "add", argv[1], add_hints);
	return 0;
}

static const struct hint take_hints[] = {
	{ ESRCH, "there is no such snapshot; `blksnapctl list` shows them" },
	{ ENODEV, "no device was added to it, or one is gone" },
	{ EALREADY, "it was taken already" },
	{ EBUSY, "the difference storage lies on one of its devices; dmesg says how" },
	{ ETIMEDOUT, "a filesystem, a device or the storage did not come to rest in time; dmesg says which" },
	{ 0, NULL }
};

int cmd_take(int argc, char **argv)
{
	struct blksnap_uuid id;

	parse_id(argv[0], &id);
	if (ioctl(control_open(), IOCTL_BLKSNAP_SNAPSHOT_TAKE, &id))
		die_errno(errno, "take", argv[0], take_hints);
	return 0;
}

static int attach_quietly(const char *path)
{
	int fd = device_open(path, O_RDONLY), ret;

	ret = attach_plain(fd) && errno != EALREADY ? errno : 0;
	close(fd);
	return ret;
}

int cmd_snapshot(int argc, char **argv)
{
	int i, err = 0, ctl = control_open();
	const char *what = "attach";
	struct blksnap_uuid id;

	create(ctl, &argc, argv, &id);
	for (i = 0; i < argc && !err; i++) {
		what = "attach";
		err = attach_quietly(argv[i]);
		if (!err) {
			what = "add";
			err = add(&id, argv[i]);
		}
	}
	if (err) {
		ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_DESTROY, &id);
		die_errno(err, what, argv[i - 1], add_hints);
	}
	if (ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_TAKE, &id)) {
		err = errno;
		ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_DESTROY, &id);
		die_errno(err, "take", id_text(&id), take_hints);
	}
	print_id(&id);
	return 0;
}

int cmd_destroy(int argc, char **argv)
{
	struct blksnap_uuid id;

	parse_id(argv[0], &id);
	if (ioctl(control_open(), IOCTL_BLKSNAP_SNAPSHOT_DESTROY, &id))
		die_errno(errno, "destroy", argv[0], unknown);
	return 0;
}

int cmd_list(int argc, char **argv)
{
	struct blksnap_snapshot_array arg = { 0 };
	struct blksnap_uuid *ids = NULL;
	int ctl = control_open();
	unsigned int i, room = 0;

	/* snapshots may be added between two calls */
	for (;;) {
		if (ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_COLLECT, &arg) && errno != ENODATA)
			die_errno(errno, "list", "snapshots", NULL);
		if (arg.count <= room)
			break;
		room = arg.count;
		ids = realloc(ids, room * sizeof(*ids));
		if (!ids)
			die("out of memory");
		arg.ids = (uintptr_t)ids;
	}
	if (json)
		printf("[");
	for (i = 0; ids && i < arg.count; i++)
		printf(json ? "%s\"%s\"" : "%s%s\n", json && i ? ", " : "", id_text(&ids[i]));
	if (json)
		printf("]\n");
	free(ids);
	return 0;
}

int snapshot_stat(const char *text)
{
	struct blksnap_snapshot_stat s = { 0 };

	parse_id(text, &s.id);
	if (ioctl(control_open(), IOCTL_BLKSNAP_SNAPSHOT_STAT, &s))
		die_errno(errno, "stat", text, unknown);
	printf(json ? "{\"limit_bytes\": %llu, \"allocated_bytes\": %llu, \"used_bytes\": %llu, \"error\": %d, \"devices\": %u}\n" :
		      "limit      %llu bytes\nallocated  %llu bytes\nused       %llu bytes\nerror      %d\ndevices    %u\n",
	       s.limit_sect * 512, s.allocated_sect * 512, s.used_sect * 512, s.error_code, s.devices);
	return 0;
}

int cmd_watermark(int argc, char **argv)
{
	struct blksnap_snapshot_watermark arg = { 0 };

	parse_id(argv[0], &arg.id);
	arg.used_sect = (parse_size(argv[1]) + 511) / 512;
	if (ioctl(control_open(), IOCTL_BLKSNAP_SNAPSHOT_WATERMARK, &arg))
		die_errno(errno, "watermark", argv[0], unknown);
	return 0;
}

int cmd_features(int argc, char **argv)
{
	static const char *const names[] = { "epoch", "release", "small-copy", "watermark", "device-events", "poll",
					     "stat", "whole-disk", "group-instant" };
	struct blksnap_features arg = { 0 };
	const char *comma = "";
	unsigned int i;

	/* a module that does not know the call has none of them */
	if (ioctl(control_open(), IOCTL_BLKSNAP_FEATURES, &arg) && errno != ENOTTY)
		die_errno(errno, "ask for", "features", NULL);
	if (json)
		printf("[");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (arg.features >> i & 1) {
			printf(json ? "%s\"%s\"" : "%s%s\n", json ? comma : "", names[i]);
			comma = ", ";
		}
	if (json)
		printf("]\n");
	return 0;
}

int cmd_version(int argc, char **argv)
{
	struct blksnap_version v = { 0 };

	if (ioctl(control_open(), IOCTL_BLKSNAP_VERSION, &v))
		die_errno(errno, "ask for", "version", NULL);
	printf(json ? "{\"version\": \"%u.%u.%u.%u\"}\n" : "%u.%u.%u.%u\n", v.major, v.minor, v.revision, v.build);
	return 0;
}
