/* bad user pointers are -EFAULT and short buffers -EINVAL, for every command and ioctl */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "source.h"

#define BAD ((void *)0x8000)
#define result(call) ({ int _r = (call); _r < 0 ? -errno : _r; })

static const struct {
	uint32_t cmd;
	uint32_t size;
	const char *name;
} commands[] = {
	{ BLKFILTER_CTL_BLKSNAP_CBTINFO, sizeof(struct blksnap_cbtinfo), "CBTINFO" },
	{ BLKFILTER_CTL_BLKSNAP_CBTMAP, sizeof(struct blksnap_cbtmap), "CBTMAP" },
	{ BLKFILTER_CTL_BLKSNAP_CBTDIRTY, sizeof(struct blksnap_cbtdirty), "CBTDIRTY" },
	{ BLKFILTER_CTL_BLKSNAP_SNAPSHOTADD, sizeof(struct blksnap_snapshotadd), "SNAPSHOTADD" },
	{ BLKFILTER_CTL_BLKSNAP_SNAPSHOTINFO, sizeof(struct blksnap_snapshotinfo), "SNAPSHOTINFO" },
	{ BLKFILTER_CTL_BLKSNAP_CBTEPOCH, sizeof(struct blksnap_cbtepoch), "CBTEPOCH" },
	{ BLKFILTER_CTL_BLKSNAP_RELEASE, sizeof(struct blksnap_release), "RELEASE" },
	{ BLKFILTER_CTL_BLKSNAP_STAT, sizeof(struct blksnap_device_stat), "STAT" },
	{ BLKFILTER_CTL_BLKSNAP_THRESHOLD, sizeof(struct blksnap_threshold), "THRESHOLD" },
};

static const unsigned long requests[] = {
	IOCTL_BLKSNAP_VERSION, IOCTL_BLKSNAP_SNAPSHOT_CREATE, IOCTL_BLKSNAP_SNAPSHOT_DESTROY,
	IOCTL_BLKSNAP_SNAPSHOT_TAKE, IOCTL_BLKSNAP_SNAPSHOT_COLLECT, IOCTL_BLKSNAP_SNAPSHOT_WAIT_EVENT,
	IOCTL_BLKSNAP_FEATURES, IOCTL_BLKSNAP_SNAPSHOT_STAT, IOCTL_BLKSNAP_SNAPSHOT_WATERMARK, IOCTL_BLKSNAP_SUBSCRIBE,
};

int main(void)
{
	struct source source = source_open(sh("dev_null 8"));
	unsigned long filter[] = { BLKFILTER_ATTACH_V1, BLKFILTER_DETACH_V1, BLKFILTER_CTL_V1, BLKFILTER_DETACH,
				   BLKFILTER_CTL };
	struct blksnap_uuid id = take_one("/tmp", 4 * MIB, &source);
	uint8_t buf[512] = { 0 };
	int ctl = ctl_open();
	unsigned int i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		printf("%s\n", commands[i].name);
		want(bf_ctl(source.fd, commands[i].cmd, BAD, commands[i].size), -EFAULT);
		want(bf_ctl(source.fd, commands[i].cmd, NULL, commands[i].size), -EFAULT);
		want(bf_ctl(source.fd, commands[i].cmd, buf, commands[i].size - 1), -EINVAL);
		want(bf_ctl(source.fd, commands[i].cmd, buf, 0), -EINVAL);
	}
	want(cbt_map(source.fd, 0, 10, BAD), -EFAULT);
	want(cbt_map(source.fd, 0, 10, NULL), -EFAULT);
	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		printf("control ioctl %u\n", (unsigned int)(requests[i] & 0xff));
		want(result(ioctl(ctl, requests[i], BAD)), -EFAULT);
	}
	for (i = 0; i < sizeof(filter) / sizeof(filter[0]); i++)
		want(result(ioctl(source.fd, filter[i], BAD)), -EFAULT);
	/* unknown ones */
	want(result(ioctl(ctl, _IO('V', 6), buf)), -ENOTTY);
	want(result(ioctl(ctl, _IO('V', 99), buf)), -ENOTTY);
	want(result(ioctl(ctl, 0x5401, buf)), -ENOTTY);
	want(result(ioctl(source.fd, _IO(0x12, 199), buf)), -ENOTTY);
	/* after all of that, it works */
	want(image_error(source.fd), 0);
	destroy(&id);
	return 0;
}
