// SPDX-License-Identifier: GPL-2.0
/* every error of attach, detach and control, by the ioctls of both generations */
#include "filter.h"

static const unsigned long all_ioctls[] = {
	BLKFILTER_ATTACH_V1, BLKFILTER_DETACH_V1, BLKFILTER_ATTACH,
	BLKFILTER_DETACH, BLKFILTER_CTL,
};

static void check_pointers(int fd)
{
	unsigned int i;

	for (i = 0; i < sizeof(all_ioctls) / sizeof(*all_ioctls); i++) {
		want(ioctl(fd, all_ioctls[i], NULL) < 0 ? -errno : 0, -EFAULT);
		want(ioctl(fd, all_ioctls[i], (void *)-4096L) < 0 ? -errno : 0, -EFAULT);
	}
}

static void check_unattached(int fd)
{
	struct t_stat stat;

	want(bf_attach_opt(fd, "nothing", NULL, 0), -ENOENT);
	want(bf_attach_opt(fd, "", NULL, 0), -ENOENT);
	want(bf_attach_v1(fd, "nothing"), -ENOENT);
	want(bf_detach_name(fd, T_FILTER_COUNT), -ENOENT);
	want(bf_detach_v1(fd, T_FILTER_COUNT), -ENOENT);
	want(bf_ctl_name(fd, T_FILTER_COUNT, T_CMD_STAT, &stat, sizeof(stat)), -ENOENT);
	want(bf_ctl_v1(fd, T_FILTER_COUNT, T_CMD_STAT, &stat, sizeof(stat)), -ENOENT);
}

static void check_options(int fd)
{
	uint32_t opt[2048] = { 0 };

	want(bf_attach_opt(fd, T_FILTER_COUNT, opt, 3), -EINVAL);
	want(bf_attach_opt(fd, T_FILTER_COUNT, opt, 4096), -EINVAL);
	want(bf_attach_opt(fd, T_FILTER_COUNT, (void *)0x7ffffffff000, 4), -EFAULT);
	/* too long for options: that is a command of the first generation */
	want(bf_attach_opt(fd, T_FILTER_COUNT, opt, 4097), -ENOENT);
	check(filter_refs() == 0, "a failed attach left a module reference");
}

static void check_attached(int fd)
{
	struct t_stat stat;
	char unterminated[40];

	want(bf_attach_opt(fd, T_FILTER_COUNT, NULL, 0), -EALREADY);
	want(bf_attach_v1(fd, T_FILTER_COUNT), -EALREADY);
	want(bf_attach_opt(fd, T_FILTER_WRITES, NULL, 0), -EBUSY);
	want(bf_attach_v1(fd, T_FILTER_WRITES), -EBUSY);
	want(bf_detach_name(fd, T_FILTER_WRITES), -EINVAL);
	want(bf_detach_v1(fd, "nothing"), -EINVAL);
	want(bf_ctl_name(fd, T_FILTER_WRITES, T_CMD_STAT, &stat, sizeof(stat)), -EINVAL);
	want(bf_ctl_v1(fd, "nothing", T_CMD_STAT, &stat, sizeof(stat)), -EINVAL);
	want(bf_ctl_name(fd, T_FILTER_COUNT, 99, NULL, 0), -ENOTTY);
	want(bf_ctl_v1(fd, T_FILTER_COUNT, 99, NULL, 0), -ENOTTY);
	want(bf_ctl_name(fd, T_FILTER_COUNT, T_CMD_STAT, &stat, sizeof(stat) - 1), -EINVAL);
	want(bf_ctl_name(fd, T_FILTER_COUNT, T_CMD_STAT, NULL, sizeof(stat)), -EFAULT);
	memset(unterminated, 'x', sizeof(unterminated));
	memcpy(unterminated, T_FILTER_COUNT, sizeof(T_FILTER_COUNT) - 1);
	want(bf_detach_name(fd, unterminated), -EINVAL);
	check(filter_refs() == 1, "module references: %ld", filter_refs());
}

/* The driver may lower the length of a command's argument. */
static void check_length(int fd)
{
	struct blkfilter_ctl ctl = { .name = T_FILTER_COUNT, .cmd = T_CMD_SHORTEN, .optlen = 77 };

	want(ioctl(fd, BLKFILTER_CTL, &ctl), 0);
	check(ctl.optlen == 1, "length is %u", ctl.optlen);
}

static void check_busy(int fd)
{
	filter_mode(fd, T_FILTER_COUNT, T_MODE_STAY);
	want(bf_detach_name(fd, T_FILTER_COUNT), -EBUSY);
	want(bf_detach_v1(fd, T_FILTER_COUNT), -EBUSY);
	put_direct(fd, 0, 4096);
	check(filter_stat(fd, T_FILTER_COUNT).writes == 1, "a refused detach stopped the filter");
	filter_mode(fd, T_FILTER_COUNT, 0);
}

int main(void)
{
	const char *dev;
	int fd;

	load_filters();
	dev = sh("dev_null 16");
	fd = open_dev(dev, O_RDWR | O_DIRECT);
	check_pointers(fd);
	check_unattached(fd);
	check_options(fd);
	must(bf_attach_v1(fd, T_FILTER_COUNT));
	check_attached(fd);
	check_length(fd);
	check_busy(fd);
	must(bf_detach_v1(fd, T_FILTER_COUNT));
	check_unattached(fd);
	must(bf_attach_opt(fd, T_FILTER_COUNT, NULL, 0));
	check_attached(fd);
	must(bf_detach_name(fd, T_FILTER_COUNT));
	check(filter_refs() == 0, "module references after detach: %ld", filter_refs());
	return 0;
}
