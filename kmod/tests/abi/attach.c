/* attach, detach and control answer with the errors that tools rely on, and sysfs names the filter */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

static void not_attached(int fd, const char *path)
{
	struct blksnap_cbtinfo info;

	check(!bf_sysfs(path)[0], "sysfs shows '%s' without a filter", bf_sysfs(path));
	want(bf_detach(fd), -ENOENT);
	want(bf_detach_v1(fd, "blksnap"), -ENOENT);
	want(cbt_info(fd, &info), -ENOENT);
	want(bf_ctl_v1(fd, "blksnap", 0, &info, sizeof(info)), -ENOENT);
}

int main(void)
{
	char *path = sh("dev_null 8"), unterminated[33];
	int fd = open_dev(path, O_RDWR), read_only;
	static const uint32_t unknown[] = { 5, 63, 68, 0xffffffff };
	struct blksnap_cbtinfo info;
	struct blksnap_attach_opt opt = { 0 };
	unsigned int i;

	not_attached(fd, path);
	want(bf_attach_opt(fd, "nosuch", NULL, 0), -ENOENT);
	want(bf_attach_v1(fd, "nosuch"), -ENOENT);
	want(bf_attach_v1(fd, ""), -ENOENT);
	want(bf_attach_v1(fd, "blksnap2"), -ENOENT);
	want(bf_attach_v1(fd, "blk"), -ENOENT);
	memset(unterminated, 'a', 32);
	unterminated[32] = 0;
	check(bf_attach_v1(fd, unterminated) < 0, "a name without an end is taken");
	not_attached(fd, path);

	/* options that are not known, or not whole */
	opt.flags = 0x80000000;
	want(bf_attach_opt(fd, "blksnap", &opt, sizeof(opt)), -EINVAL);
	opt.flags = 0;
	opt.reserved = 1;
	want(bf_attach_opt(fd, "blksnap", &opt, sizeof(opt)), -EINVAL);
	opt.reserved = 0;
	want(bf_attach_opt(fd, "blksnap", &opt, 3), -EINVAL);
	want(bf_attach_opt(fd, "blksnap", (void *)0x8000, sizeof(opt)), -EFAULT);
	not_attached(fd, path);
	want(bf_attach_opt(fd, "blksnap", &opt, sizeof(opt)), 0);
	want(bf_detach(fd), 0);

	want(bf_attach(fd), 0);
	check(!strcmp(bf_sysfs(path), "blksnap"), "sysfs shows '%s'", bf_sysfs(path));
	want(bf_attach(fd), -EALREADY);
	want(bf_attach_v1(fd, "blksnap"), -EALREADY);
	want(bf_detach_name(fd, "other"), -EINVAL);
	want(bf_detach_v1(fd, "other"), -EINVAL);
	want(bf_ctl_name(fd, "other", 0, &info, sizeof(info)), -EINVAL);
	want(bf_ctl_v1(fd, "other", 0, &info, sizeof(info)), -EINVAL);
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		want(bf_ctl(fd, unknown[i], &info, sizeof(info)), -ENOTTY);
		want(bf_ctl_v1(fd, "blksnap", unknown[i], &info, sizeof(info)), -ENOTTY);
	}
	/* any fd of the device will do, and the filter outlives them */
	read_only = open_dev(path, O_RDONLY);
	want(cbt_info(read_only, &info), 0);
	close(fd);
	close(read_only);
	fd = open_dev(path, O_RDONLY);
	want(cbt_info(fd, &info), 0);
	want(bf_detach(fd), 0);
	not_attached(fd, path);
	return 0;
}
