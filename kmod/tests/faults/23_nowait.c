/* fault 23: a write that must not block fails only where something has to be copied first */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/fs.h>

#include "source.h"

static int write_nowait(int fd, void *buf, size_t size, uint64_t at)
{
	struct iovec iov = { buf, size };
	ssize_t n = pwritev2(fd, &iov, 1, at, RWF_NOWAIT);

	return n < 0 ? -errno : n;
}

static void on(const char *path)
{
	struct source source = source_open((char *)path);
	void *buf = io_alloc(MIB);
	struct blksnap_uuid id;
	uint64_t range[2] = { 2 * MIB, MIB };
	int i, image, ok = 0;

	printf("%s\n", path);
	seed_fill(buf, MIB, 0, 2);
	seed_write(source.fd, 8 * MIB, 0, 1);
	want(write_nowait(source.fd, buf, 4096, 0), 4096);
	seed_write(source.fd, MIB, 0, 1);
	id = take_one("/tmp", 64 * MIB, &source);
	image = image_open(source.fd, O_RDWR | O_DIRECT);

	/* to be copied first: nothing is written, or it went through and was copied */
	for (i = 0; i < 8; i++) {
		int ret = write_nowait(source.fd, buf, 4096, 4 * MIB + i * 65536);

		check(ret == -EAGAIN || ret == 4096, "a write that would block: %s", result_name(ret));
	}
	/* copied already */
	seed_write(source.fd, MIB, 0, 3);
	for (i = 0; i < 16; i++)
		ok += write_nowait(source.fd, buf + i * 65536, 65536, i * 65536) == 65536;
	check(ok == 16, "%d of 16 writes to what is copied went through", ok);
	seed_check(source.fd, MIB, 0, 2);
	/* released */
	must(snap_release(source.fd, true));
	check(!ioctl(image, BLKDISCARD, range), "BLKDISCARD: %s", errno_name(errno));
	for (i = ok = 0; i < 16; i++)
		ok += write_nowait(source.fd, buf, 65536, 2 * MIB + i * 65536) == 65536;
	check(ok == 16, "%d of 16 writes to what is released went through", ok);
	seed_check(image, 2 * MIB, 0, 1);
	seed_check(image, 5 * MIB, 3 * MIB, 1);
	close(image);
	destroy(&id);
	must(bf_detach(source.fd));
}

int main(void)
{
	on("/dev/vda");
	on(sh("dev_null 16"));
	return 0;
}
