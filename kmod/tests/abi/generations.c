/* both generations of the ioctls work at once, and the number that they share is told apart */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "source.h"

#define result(call) ({ int _r = (call); _r < 0 ? -errno : _r; })

int main(void)
{
	int fd = open_dev(sh("dev_null 8"), O_RDWR);
	struct blksnap_cbtinfo a, b;
	struct blkfilter_attach attach = { .name = "blksnap" };
	struct blkfilter_ctl ctl = { .name = "blksnap" };

	/* attached by one, used and detached by the other */
	want(bf_attach_v1(fd, "blksnap"), 0);
	memset(&a, 1, sizeof(a));
	memset(&b, 2, sizeof(b));
	want(bf_ctl_v1(fd, "blksnap", 0, &a, sizeof(a)), 0);
	want(bf_ctl(fd, 0, &b, sizeof(b)), 0);
	check(!memcmp(&a, &b, sizeof(a)), "CBTINFO differs between generations");
	want(bf_detach(fd), 0);
	want(bf_attach(fd), 0);
	want(bf_ctl_v1(fd, "blksnap", 0, &a, sizeof(a)), 0);
	want(bf_detach_v1(fd, "blksnap"), 0);

	/* the shared number: eight zero bytes after the name attach, whatever follows */
	want(result(ioctl(fd, 0xc030128e, &attach)), 0);
	want(result(ioctl(fd, 0xc030128e, &attach)), -EALREADY);
	want(bf_detach(fd), 0);
	want(result(ioctl(fd, 0xc030128e, &ctl)), 0);
	want(result(ioctl(fd, 0xc030128e, &ctl)), -EALREADY);
	/* anything else is a command: also one without a length or a buffer */
	ctl.cmd = 1;
	want(result(ioctl(fd, 0xc030128e, &ctl)), -EINVAL);
	ctl.cmd = 5;
	want(result(ioctl(fd, 0xc030128e, &ctl)), -ENOTTY);
	ctl.cmd = 0;
	ctl.optlen = 1;
	want(result(ioctl(fd, 0xc030128e, &ctl)), -EINVAL);
	ctl.optlen = sizeof(a);
	want(result(ioctl(fd, 0xc030128e, &ctl)), -EFAULT);
	/* where there is no collision, eight zero bytes are a command */
	ctl.optlen = 0;
	want(result(ioctl(fd, BLKFILTER_CTL, &ctl)), -EINVAL);
	want(bf_detach(fd), 0);
	/* and not an attach, where nothing is attached */
	ctl.cmd = 2;
	ctl.optlen = 16;
	want(result(ioctl(fd, 0xc030128e, &ctl)), -ENOENT);
	return 0;
}
