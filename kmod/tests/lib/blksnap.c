// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "blksnap.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define result(call) ({ int _r = (call); _r < 0 ? -errno : _r; })

static void set_name(uint8_t *to, const char *name)
{
	memset(to, 0, BLKFILTER_NAME_LENGTH);
	memcpy(to, name, strnlen(name, BLKFILTER_NAME_LENGTH));
}

int bf_attach(int fd)
{
	return bf_attach_opt(fd, BLKSNAP_FILTER_NAME, NULL, 0);
}

int bf_attach_opt(int fd, const char *name, const void *opt, uint32_t optlen)
{
	struct blkfilter_attach a = { .opt = (uintptr_t)opt, .optlen = optlen };

	set_name(a.name, name);
	return result(ioctl(fd, BLKFILTER_ATTACH, &a));
}

int bf_attach_v1(int fd, const char *name)
{
	struct blkfilter_name n;

	set_name(n.name, name);
	return result(ioctl(fd, BLKFILTER_ATTACH_V1, &n));
}

int bf_detach(int fd)
{
	return bf_detach_name(fd, BLKSNAP_FILTER_NAME);
}

int bf_detach_name(int fd, const char *name)
{
	struct blkfilter_name n;

	set_name(n.name, name);
	return result(ioctl(fd, BLKFILTER_DETACH, &n));
}

int bf_detach_v1(int fd, const char *name)
{
	struct blkfilter_name n;

	set_name(n.name, name);
	return result(ioctl(fd, BLKFILTER_DETACH_V1, &n));
}

static int ctl(int fd, unsigned long request, const char *name, uint32_t cmd, void *opt, uint32_t optlen)
{
	struct blkfilter_ctl c = { .cmd = cmd, .optlen = optlen, .opt = (uintptr_t)opt };

	set_name(c.name, name);
	return result(ioctl(fd, request, &c));
}

int bf_ctl(int fd, uint32_t cmd, void *opt, uint32_t optlen)
{
	return ctl(fd, BLKFILTER_CTL, BLKSNAP_FILTER_NAME, cmd, opt, optlen);
}

int bf_ctl_name(int fd, const char *name, uint32_t cmd, void *opt, uint32_t optlen)
{
	return ctl(fd, BLKFILTER_CTL, name, cmd, opt, optlen);
}

int bf_ctl_v1(int fd, const char *name, uint32_t cmd, void *opt, uint32_t optlen)
{
	return ctl(fd, BLKFILTER_CTL_V1, name, cmd, opt, optlen);
}

int cbt_info(int fd, struct blksnap_cbtinfo *info)
{
	return bf_ctl(fd, BLKFILTER_CTL_BLKSNAP_CBTINFO, info, sizeof(*info));
}

int cbt_map(int fd, uint32_t offset, uint32_t length, void *buffer)
{
	struct blksnap_cbtmap arg = { offset, length, (uintptr_t)buffer };

	return bf_ctl(fd, BLKFILTER_CTL_BLKSNAP_CBTMAP, &arg, sizeof(arg));
}

uint8_t *cbt_map_all(int fd, struct blksnap_cbtinfo *info)
{
	uint8_t *map;

	must(cbt_info(fd, info));
	map = malloc(info->block_count + 1);
	check(map, "no memory");
	want(cbt_map(fd, 0, info->block_count, map), info->block_count);
	return map;
}

int cbt_dirty(int fd, const struct blksnap_sectors *ranges, uint32_t count)
{
	struct blksnap_cbtdirty arg = { .count = count, .dirty_sectors = (uintptr_t)ranges };

	return bf_ctl(fd, BLKFILTER_CTL_BLKSNAP_CBTDIRTY, &arg, sizeof(arg));
}

int cbt_epoch(int fd, struct blksnap_cbtepoch *epoch)
{
	return bf_ctl(fd, BLKFILTER_CTL_BLKSNAP_CBTEPOCH, epoch, sizeof(*epoch));
}

int dev_stat(int fd, struct blksnap_device_stat *stat)
{
	return bf_ctl(fd, BLKFILTER_CTL_BLKSNAP_STAT, stat, sizeof(*stat));
}

int dev_threshold(int fd, uint64_t bytes)
{
	struct blksnap_threshold arg = { bytes };

	return bf_ctl(fd, BLKFILTER_CTL_BLKSNAP_THRESHOLD, &arg, sizeof(arg));
}

int ctl_open(void)
{
	return open_dev("/dev/" BLKSNAP_CTL, O_RDWR);
}

int snap_create(int ctl, const char *storage, uint64_t limit_sect, struct blksnap_uuid *id)
{
	struct blksnap_snapshot_create arg = {
		.diff_storage_limit_sect = limit_sect,
		.diff_storage_filename = (uintptr_t)storage,
	};
	int ret = result(ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_CREATE, &arg));

	*id = arg.id;
	return ret;
}

int snap_add(int fd, const struct blksnap_uuid *id)
{
	struct blksnap_snapshotadd arg = { *id };

	return bf_ctl(fd, BLKFILTER_CTL_BLKSNAP_SNAPSHOTADD, &arg, sizeof(arg));
}

int snap_take(int ctl, const struct blksnap_uuid *id)
{
	return result(ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_TAKE, id));
}

int snap_destroy(int ctl, const struct blksnap_uuid *id)
{
	return result(ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_DESTROY, id));
}

int snap_collect(int ctl, struct blksnap_uuid *ids, uint32_t *count)
{
	struct blksnap_snapshot_array arg = { .count = *count, .ids = (uintptr_t)ids };
	int ret = result(ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_COLLECT, &arg));

	*count = arg.count;
	return ret;
}

int snap_info(int fd, struct blksnap_snapshotinfo *info)
{
	return bf_ctl(fd, BLKFILTER_CTL_BLKSNAP_SNAPSHOTINFO, info, sizeof(*info));
}

int snap_event(int ctl, const struct blksnap_uuid *id, uint32_t timeout_ms, struct blksnap_snapshot_event *event)
{
	memset(event, 0, sizeof(*event));
	if (id)
		event->id = *id;
	event->timeout_ms = timeout_ms;
	return result(ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_WAIT_EVENT, event));
}

int snap_stat(int ctl, const struct blksnap_uuid *id, struct blksnap_snapshot_stat *stat)
{
	memset(stat, 0, sizeof(*stat));
	stat->id = *id;
	return result(ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_STAT, stat));
}

int snap_watermark(int ctl, const struct blksnap_uuid *id, uint64_t used_sect)
{
	struct blksnap_snapshot_watermark arg = { *id, used_sect };

	return result(ioctl(ctl, IOCTL_BLKSNAP_SNAPSHOT_WATERMARK, &arg));
}

int snap_subscribe(int ctl, const struct blksnap_uuid *id)
{
	struct blksnap_subscribe arg = { 0 };

	if (id)
		arg.id = *id;
	return result(ioctl(ctl, IOCTL_BLKSNAP_SUBSCRIBE, &arg));
}

int snap_release(int fd, bool enable)
{
	struct blksnap_release arg = { .enable = enable };

	return bf_ctl(fd, BLKFILTER_CTL_BLKSNAP_RELEASE, &arg, sizeof(arg));
}

int snap_version(int ctl, struct blksnap_version *version)
{
	return result(ioctl(ctl, IOCTL_BLKSNAP_VERSION, version));
}

int snap_features(int ctl, uint64_t *features)
{
	struct blksnap_features arg = { 0 };
	int ret = result(ioctl(ctl, IOCTL_BLKSNAP_FEATURES, &arg));

	*features = arg.features;
	return ret;
}

void snap_make(int ctl, const char *storage, uint64_t limit_sect, const int *fds, int nr, struct blksnap_uuid *id)
{
	int i;

	must(snap_create(ctl, storage, limit_sect, id));
	for (i = 0; i < nr; i++)
		must(snap_add(fds[i], id));
	must(snap_take(ctl, id));
}

int image_open(int fd, int flags)
{
	struct blksnap_snapshotinfo info;
	char path[64];
	int i;

	memset(&info, 0, sizeof(info));
	must(snap_info(fd, &info));
	check(info.image[0], "the device has no image, error code %d", info.error_code);
	snprintf(path, sizeof(path), "/dev/%.32s", info.image);
	for (i = 0; i < 100 && access(path, F_OK); i++)
		usleep(20000);
	return open_dev(path, flags);
}

int image_error(int fd)
{
	struct blksnap_snapshotinfo info;

	must(snap_info(fd, &info));
	return info.error_code;
}

int image_error_soon(int fd)
{
	int error = image_error(fd);

	for (int i = 0; i < 200 && !error; i++) {
		usleep(50000);
		error = image_error(fd);
	}
	return error;
}
