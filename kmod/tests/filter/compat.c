// SPDX-License-Identifier: GPL-2.0
/*
 * the ioctls of 32-bit programs work as those of 64-bit ones
 * kernels: 6.1 6.12 sanitizer
 * long: sanitizer
 */
#include "filter.h"
#include <sys/mman.h>

/* The kernel takes int 0x80 for a 32-bit call, also from 64-bit code. */
static int ioctl32(int fd, uint32_t cmd, void *arg)
{
	long ret;

	asm volatile("int $0x80" : "=a"(ret)
		     : "0"(54L), "b"((long)fd), "c"((long)cmd), "d"(arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

int main(void)
{
	struct {
		struct blkfilter_ctl arg;
		struct t_stat stat;
	} *low;
	uint64_t size;
	int fd;

	load_filters();
	fd = open_dev(sh("dev_null 16"), O_RDWR | O_DIRECT);
	low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	check(low != MAP_FAILED, "mmap: %m");
	if (ioctl32(fd, 0x80041272 /* BLKGETSIZE64 of 32 bit */, &low->stat) == -ENOSYS)
		skip("the kernel runs no 32-bit calls");
	memcpy(&size, &low->stat, sizeof(size));
	check(size == 16 * MIB, "int 0x80 is not what this test takes it for");

	strcpy((char *)low->arg.name, T_FILTER_COUNT);
	want(ioctl32(fd, BLKFILTER_DETACH, &low->arg), -ENOENT);
	want(ioctl32(fd, BLKFILTER_ATTACH, &low->arg), 0);
	want(ioctl32(fd, BLKFILTER_ATTACH_V1, &low->arg), -EALREADY);
	put_direct(fd, 0, 4096);
	low->arg.cmd = T_CMD_STAT;
	low->arg.optlen = sizeof(low->stat);
	low->arg.opt = (uintptr_t)&low->stat;
	want(ioctl32(fd, BLKFILTER_CTL, &low->arg), 0);
	check(low->stat.writes == 1, "STAT tells %llu writes", low->stat.writes);
	low->stat.writes = 0;
	want(ioctl32(fd, BLKFILTER_CTL_V1, &low->arg), 0);
	check(low->stat.writes == 1, "first-generation STAT tells %llu writes", low->stat.writes);
	low->arg.cmd = 99;
	want(ioctl32(fd, BLKFILTER_CTL, &low->arg), -ENOTTY);
	want(ioctl32(fd, BLKFILTER_DETACH_V1, &low->arg), 0);
	want(ioctl32(fd, BLKFILTER_ATTACH, NULL), -EFAULT);
	return 0;
}
