// SPDX-License-Identifier: GPL-2.0
/*
 * fault 10: attach, detach and control need CAP_SYS_ADMIN, whoever opened the device
 * long: sanitizer
 */
#include "filter.h"
#include <sys/wait.h>

static const unsigned long all_ioctls[] = {
	BLKFILTER_ATTACH_V1, BLKFILTER_DETACH_V1, BLKFILTER_ATTACH,
	BLKFILTER_DETACH, BLKFILTER_CTL,
};

static int as_nobody(int fd)
{
	struct blkfilter_ctl arg = { .name = T_FILTER_COUNT, .cmd = T_CMD_CLEAR, .opt = 1 };
	unsigned int i;

	if (setgid(65534) || setuid(65534))
		return 1;
	for (i = 0; i < sizeof(all_ioctls) / sizeof(*all_ioctls); i++) {
		if (!ioctl(fd, all_ioctls[i], &arg) || errno != EPERM) {
			printf("ioctl 0x%lx: %m\n", all_ioctls[i]);
			return 1;
		}
	}
	return 0;
}

static void in_child(int fd)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int ret = as_nobody(fd);

		fflush(stdout);
		_exit(ret);
	}
	check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status),
	      "an ioctl without privilege did not say EPERM");
}

int main(void)
{
	int fd;

	load_filters();
	fd = open_dev(sh("dev_null 16"), O_RDWR | O_DIRECT);
	in_child(fd);
	check(filter_refs() == 0, "a filter was attached without privilege");
	must(bf_attach_opt(fd, T_FILTER_COUNT, NULL, 0));
	in_child(fd);
	check(filter_refs() == 1, "a filter was detached without privilege");
	must(bf_detach_name(fd, T_FILTER_COUNT));
	return 0;
}
