/*
 * 32-bit programs reach the same ioctls, of the device and of the control device
 * kernels: 6.1 6.12 sanitizer
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "source.h"

/* ioctl by the 32-bit system call table; the argument has to be below 4 GiB */
static long ioctl32(int fd, unsigned int request, void *arg)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret)
			 : "a"(54L), "b"((long)fd), "c"((long)request), "d"((long)arg)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

struct low {
	struct blkfilter_name name;
	struct blkfilter_ctl ctl;
	struct blksnap_cbtinfo info;
	struct blksnap_version version;
	struct blksnap_snapshot_create create;
	struct blksnap_snapshotadd add;
	char path[16];
};

int main(void)
{
	int fd = open_dev(sh("dev_null 8"), O_RDWR), ctl = ctl_open();
	struct low *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct blksnap_cbtinfo info;

	check(m != MAP_FAILED, "mmap: %s", errno_name(errno));
	strcpy((char *)m->name.name, "blksnap");
	strcpy((char *)m->ctl.name, "blksnap");
	want(ioctl32(ctl, IOCTL_BLKSNAP_VERSION, &m->version), 0);
	check(m->version.major == 2, "version %u", m->version.major);

	want(ioctl32(fd, BLKFILTER_ATTACH_V1, &m->name), 0);
	m->ctl.optlen = sizeof(m->info);
	m->ctl.opt = (uintptr_t)&m->info;
	want(ioctl32(fd, BLKFILTER_CTL, &m->ctl), 0);
	must(cbt_info(fd, &info));
	check(!memcmp(&info, &m->info, sizeof(info)), "CBTINFO differs for a 32-bit program");
	memset(&m->info, 0, sizeof(info));
	want(ioctl32(fd, BLKFILTER_CTL_V1, &m->ctl), 0);
	check(!memcmp(&info, &m->info, sizeof(info)), "CBTINFO differs for a 32-bit program");

	strcpy(m->path, "/tmp");
	m->create.diff_storage_limit_sect = 8192;
	m->create.diff_storage_filename = (uintptr_t)m->path;
	want(ioctl32(ctl, IOCTL_BLKSNAP_SNAPSHOT_CREATE, &m->create), 0);
	m->add.id = m->create.id;
	m->ctl.cmd = BLKFILTER_CTL_BLKSNAP_SNAPSHOTADD;
	m->ctl.optlen = sizeof(m->add);
	m->ctl.opt = (uintptr_t)&m->add;
	want(ioctl32(fd, BLKFILTER_CTL, &m->ctl), 0);
	want(ioctl32(ctl, IOCTL_BLKSNAP_SNAPSHOT_TAKE, &m->add), 0);
	want(image_error(fd), 0);
	want(ioctl32(ctl, IOCTL_BLKSNAP_SNAPSHOT_DESTROY, &m->add), 0);
	want(ioctl32(fd, BLKFILTER_DETACH, &m->name), 0);
	return 0;
}
