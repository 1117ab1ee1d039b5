// SPDX-License-Identifier: GPL-2.0
/* Commands that go through the tracked device's own file descriptor. */
#define _GNU_SOURCE
#include "ctl.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>

static const struct hint not_attached[] = {
	{ ENOENT, "the device is not tracked; start with: blksnapctl attach DEVICE" },
	{ EINVAL, "another filter is attached to it, or the argument is out of range" },
	{ 0, NULL }
};

int device_open(const char *path, int flags)
{
	struct stat st;
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die_errno(errno, "open", path, NULL);
	if (fstat(fd, &st) || !S_ISBLK(st.st_mode))
		die("%s is not a block device", path);
	return fd;
}

static bool loaded(void)
{
	return !access("/dev/" BLKSNAP_CTL, F_OK);
}

static void set_name(__u8 *name)
{
	strncpy((char *)name, BLKSNAP_FILTER_NAME, BLKFILTER_NAME_LENGTH);
}

int device_ctl(int fd, uint32_t cmd, void *opt, uint32_t optlen)
{
	struct blkfilter_ctl ctl = { .cmd = cmd, .optlen = optlen, .opt = (uintptr_t)opt };
	int ret;

	set_name(ctl.name);
	ret = ioctl(fd, BLKFILTER_CTL, &ctl);
	/*
	 * A module of the first generation does not know the number. What the
	 * second one does not know, it does not know there either.
	 */
	if (ret < 0 && errno == ENOTTY)
		ret = ioctl(fd, BLKFILTER_CTL_V1, &ctl);
	return ret;
}

static void ctl_or_die(int fd, const char *path, const char *what, uint32_t cmd, void *opt, uint32_t optlen)
{
	if (device_ctl(fd, cmd, opt, optlen) < 0)
		die_errno(errno, what, path, not_attached);
}

/* Attaches without options, by the number that the module knows; -1 with errno. */
int attach_plain(int fd)
{
	struct blkfilter_attach attach = { 0 };
	struct blkfilter_name name = { 0 };
	int ret;

	set_name(attach.name);
	set_name(name.name);
	/* The first generation's first: the second one's is a control command to a module of the first. */
	ret = ioctl(fd, BLKFILTER_ATTACH_V1, &name);
	if (ret < 0 && errno == ENOTTY)
		ret = ioctl(fd, BLKFILTER_ATTACH, &attach);
	return ret;
}

int cmd_attach(int argc, char **argv)
{
	static const struct hint hints[] = {
		{ EALREADY, "it is tracked already" },
		{ EBUSY, "another filter is attached to it, or another user of ftrace (a live patch) holds the functions that blkfilter hooks" },
		{ ENOENT, "the blksnap module is not loaded; try: modprobe blksnap" },
		{ ENOTTY, "the blkfilter module is not loaded; try: modprobe blksnap" },
		{ EINVAL, "the module refuses these options for this device; the kernel's log (dmesg) says why" },
		{ 0, NULL }
	};
	struct blksnap_attach_opt opt = { 0 };
	struct blkfilter_attach attach = { 0 };
	const char *path = NULL;
	int i, fd, ret;

	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--whole-disk"))
			opt.flags |= BLKSNAP_ATTACH_WHOLE_DISK;
		else if (path || argv[i][0] == '-')
			die("attach: unexpected '%s'", argv[i]);
		else
			path = argv[i];
	}
	if (!path)
		die("attach: which device?");
	fd = device_open(path, O_RDONLY);
	set_name(attach.name);
	if (opt.flags) {
		attach.opt = (uintptr_t)&opt;
		attach.optlen = sizeof(opt);
		ret = ioctl(fd, BLKFILTER_ATTACH, &attach);
	} else {
		ret = attach_plain(fd);
	}
	if (ret < 0) {
		if (!loaded() && errno != EPERM)
			errno = ENOTTY;
		die_errno(errno, "attach", path, hints);
	}
	return 0;
}

int cmd_detach(int argc, char **argv)
{
	static const struct hint hints[] = {
		{ ENOENT, "it is not tracked" },
		{ EINVAL, "the filter attached to it is not blksnap" },
		{ EBUSY, "it is in a snapshot; destroy that first: blksnapctl list, blksnapctl destroy ID" },
		{ ENOTTY, "the blkfilter module is not loaded, so nothing is tracked" },
		{ 0, NULL }
	};
	int fd = device_open(argv[0], O_RDONLY);
	struct blkfilter_name name = { 0 };

	set_name(name.name);
	if (ioctl(fd, BLKFILTER_DETACH, &name) &&
	    (errno != ENOTTY || ioctl(fd, BLKFILTER_DETACH_V1, &name)))
		die_errno(errno, "detach", argv[0], hints);
	return 0;
}

void device_cbtinfo(int fd, const char *path, struct blksnap_cbtinfo *info)
{
	memset(info, 0, sizeof(*info));
	ctl_or_die(fd, path, "info", BLKFILTER_CTL_BLKSNAP_CBTINFO, info, sizeof(*info));
}

static int snapshot_info(int fd, struct blksnap_snapshotinfo *info)
{
	memset(info, 0, sizeof(*info));
	return device_ctl(fd, BLKFILTER_CTL_BLKSNAP_SNAPSHOTINFO, info, sizeof(*info));
}

int cmd_info(int argc, char **argv)
{
	int fd = device_open(argv[0], O_RDONLY);
	struct blksnap_snapshotinfo snap;
	struct blksnap_cbtinfo info;
	bool held;

	device_cbtinfo(fd, argv[0], &info);
	held = !snapshot_info(fd, &snap) && (snap.image[0] || snap.error_code);
	if (json) {
		printf("{\"device\": ");
		json_string(argv[0]);
		printf(", \"capacity_bytes\": %llu, \"block_size\": %u, \"block_count\": %u, \"generation_id\": \"%s\", \"changes_number\": %u",
		       info.device_capacity, info.block_size, info.block_count, id_text(&info.generation_id), info.changes_number);
		if (held)
			printf(", \"image\": \"/dev/%.32s\", \"image_error\": %d", snap.image, snap.error_code);
		printf("}\n");
		return 0;
	}
	printf("capacity        %llu bytes\n", info.device_capacity);
	printf("tracking block  %u bytes\n", info.block_size);
	printf("blocks          %u\n", info.block_count);
	printf("generation      %s\n", id_text(&info.generation_id));
	printf("changes number  %u\n", info.changes_number);
	if (held && snap.image[0])
		printf("image           /dev/%.32s\n", snap.image);
	if (held && snap.error_code)
		printf("image broken    %s\n", strerror(-snap.error_code));
	return 0;
}

int cmd_dirty(int argc, char **argv)
{
	static const struct hint hints[] = {
		{ ENOENT, "the device is not tracked; start with: blksnapctl attach DEVICE" },
		{ EINVAL, "a range is empty or goes past the end of the device; nothing was marked" },
		{ 0, NULL }
	};
	int i, fd = device_open(argv[0], O_RDONLY);
	struct blksnap_sectors *ranges = calloc(argc, sizeof(*ranges));
	struct blksnap_cbtdirty arg = { .count = argc - 1, .dirty_sectors = (uintptr_t)ranges };

	if (!ranges)
		die("out of memory");
	for (i = 1; i < argc; i++) {
		char *colon = strchr(argv[i], ':');

		if (!colon)
			die("'%s': expected OFFSET:COUNT, in sectors of 512 bytes", argv[i]);
		*colon = 0;
		ranges[i - 1].offset = parse_number(argv[i], "offset");
		ranges[i - 1].count = parse_number(colon + 1, "count");
	}
	if (device_ctl(fd, BLKFILTER_CTL_BLKSNAP_CBTDIRTY, &arg, sizeof(arg)) < 0)
		die_errno(errno, "dirty", argv[0], hints);
	free(ranges);
	return 0;
}

int cmd_epoch(int argc, char **argv)
{
	int fd = device_open(argv[0], O_RDONLY);
	struct blksnap_cbtepoch e = { 0 };

	ctl_or_die(fd, argv[0], "epoch", BLKFILTER_CTL_BLKSNAP_CBTEPOCH, &e, sizeof(e));
	printf(json ? "{\"tracking_id\": \"%s\", \"epoch\": %llu, \"map_epoch\": %llu, \"oldest_base\": %llu}\n" :
		      "tracking     %s\nepoch        %llu\nmap epoch    %llu\noldest base  %llu\n",
	       id_text(&e.tracking_id), e.epoch, e.map_epoch, e.oldest_base);
	return 0;
}

int cmd_image(int argc, char **argv)
{
	int fd = device_open(argv[0], O_RDONLY);
	struct blksnap_snapshotinfo info;

	if (snapshot_info(fd, &info) < 0)
		die_errno(errno, "image", argv[0], not_attached);
	if (info.error_code)
		die("the image of %s is broken: %s", argv[0],
		    info.error_code == -ENOSPC ? "the difference storage was full" : strerror(-info.error_code));
	if (!info.image[0])
		die("%s has no image: it is in no snapshot that was taken", argv[0]);
	printf(json ? "{\"image\": \"/dev/%.32s\"}\n" : "/dev/%.32s\n", info.image);
	return 0;
}

int cmd_release(int argc, char **argv)
{
	static const struct hint hints[] = {
		{ EINVAL, "offset and size have to be multiples of 512, within the device" },
		{ 0, NULL }
	};
	struct blksnap_release arg = { 0 };
	struct blksnap_snapshotinfo info;
	uint64_t range[2];
	char path[64];
	int fd = device_open(argv[1], O_RDONLY);

	if (!strcmp(argv[0], "range") && argc == 4) {
		range[0] = parse_size(argv[2]);
		range[1] = parse_size(argv[3]);
		if (snapshot_info(fd, &info) < 0)
			die_errno(errno, "release", argv[1], not_attached);
		if (!info.image[0])
			die("%s has no image: it is in no snapshot that was taken", argv[1]);
		snprintf(path, sizeof(path), "/dev/%.32s", info.image);
		/* Without this the discard would do nothing. */
		arg.enable = 1;
		ctl_or_die(fd, argv[1], "release", BLKFILTER_CTL_BLKSNAP_RELEASE, &arg, sizeof(arg));
		if (ioctl(device_open(path, O_RDWR), BLKDISCARD, range))
			die_errno(errno, "release", path, hints);
		return 0;
	}
	arg.enable = !strcmp(argv[0], "on");
	if (argc != 2 || (!arg.enable && strcmp(argv[0], "off")))
		die("release: expected on DEVICE, off DEVICE, or range DEVICE OFFSET SIZE");
	ctl_or_die(fd, argv[1], "release", BLKFILTER_CTL_BLKSNAP_RELEASE, &arg, sizeof(arg));
	return 0;
}

int cmd_threshold(int argc, char **argv)
{
	struct blksnap_threshold arg = { parse_size(argv[1]) };

	ctl_or_die(device_open(argv[0], O_RDONLY), argv[0], "threshold", BLKFILTER_CTL_BLKSNAP_THRESHOLD, &arg, sizeof(arg));
	return 0;
}

int cmd_stat(int argc, char **argv)
{
	struct blksnap_device_stat s = { 0 };
	int i, fd;

	if (!strchr(argv[0], '/'))
		return snapshot_stat(argv[0]);
	fd = device_open(argv[0], O_RDONLY);
	ctl_or_die(fd, argv[0], "stat", BLKFILTER_CTL_BLKSNAP_STAT, &s, sizeof(s));
	printf(json ? "{\"written_bytes\": %llu, \"changed_blocks\": %llu, \"copied_bytes\": %llu, \"released_bytes\": %llu, "
		      "\"writes\": %llu, \"waited_writes\": %llu, \"latency_log2_ns\": [" :
		      "written since the take  %llu bytes\nchanged blocks          %llu\ncopied aside            %llu bytes\n"
		      "released                %llu bytes\nwrites since attach     %llu\nthat waited             %llu\n",
	       s.written_bytes, s.changed_blocks, s.copied_bytes, s.released_bytes, s.writes, s.waited_writes);
	for (i = 0; i < BLKSNAP_LATENCY_BUCKETS; i++) {
		if (json)
			printf("%s%llu", i ? ", " : "", s.latency[i]);
		else if (s.latency[i])
			printf("  from %10llu ns       %llu\n", 1ull << i, s.latency[i]);
	}
	if (json)
		printf("]}\n");
	return 0;
}
