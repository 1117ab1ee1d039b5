/* root of a container, without CAP_SYS_ADMIN, gets EPERM from the control device, whoever opened it */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source.h"

static const unsigned long all_ioctls[] = {
	IOCTL_BLKSNAP_VERSION, IOCTL_BLKSNAP_SNAPSHOT_CREATE, IOCTL_BLKSNAP_SNAPSHOT_DESTROY,
	IOCTL_BLKSNAP_SNAPSHOT_TAKE, IOCTL_BLKSNAP_SNAPSHOT_COLLECT,
	IOCTL_BLKSNAP_SNAPSHOT_WAIT_EVENT, IOCTL_BLKSNAP_FEATURES, IOCTL_BLKSNAP_SNAPSHOT_STAT,
	IOCTL_BLKSNAP_SNAPSHOT_WATERMARK, IOCTL_BLKSNAP_SUBSCRIBE,
};

static int denied(int fd)
{
	static char arg[4096];
	unsigned int i;

	for (i = 0; i < sizeof(all_ioctls) / sizeof(*all_ioctls); i++) {
		if (!ioctl(fd, all_ioctls[i], arg) || errno != EPERM) {
			printf("ioctl 0x%lx: %m\n", all_ioctls[i]);
			return 0;
		}
	}
	return 1;
}

/* As Docker does by default: uid 0 with a few capabilities, and the device passed in. */
static int as_container(int opened, int device)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};
	struct blkfilter_attach attach = { .name = "blksnap" };
	int fd;

	if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) || syscall(SYS_capget, &head, data))
		return 1;
	data[0].effective &= ~(1U << CAP_SYS_ADMIN);
	data[0].permitted &= ~(1U << CAP_SYS_ADMIN);
	if (syscall(SYS_capset, &head, data) || getuid())
		return 1;
	fd = open("/dev/blksnap-control", O_RDWR);
	if (!denied(opened) || (fd >= 0 && !denied(fd)))
		return 1;
	if (!ioctl(device, BLKFILTER_ATTACH, &attach) || errno != EPERM) {
		printf("attach: %m\n");
		return 1;
	}
	return 0;
}

int main(void)
{
	int device = open_dev(sh("dev_null 8"), O_RDWR);
	int control = open("/dev/blksnap-control", O_RDWR);
	struct blksnap_cbtinfo info;
	int status;
	pid_t pid;

	must(control);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int ret = as_container(control, device);

		fflush(stdout);
		_exit(ret);
	}
	check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status),
	      "the module was of use without CAP_SYS_ADMIN");
	/* With it the same descriptors are. */
	must(bf_attach(device));
	must(bf_ctl(device, 0, &info, sizeof(info)));
	must(bf_detach(device));
	return 0;
}
