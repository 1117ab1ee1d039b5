// SPDX-License-Identifier: GPL-2.0
/*
 * 0xc030128e is an attach or a first-generation command, by its argument
 * long: sanitizer
 */
#include "filter.h"

static int both(int fd, uint64_t at32, uint64_t at40)
{
	struct blkfilter_attach arg = { .name = T_FILTER_COUNT, .opt = at32 };

	memcpy(&arg.optlen, &at40, sizeof(at40));
	return ioctl(fd, 0xc030128e, &arg) < 0 ? -errno : 0;
}

#define CTL(cmd, optlen) ((uint64_t)(optlen) << 32 | (cmd))

int main(void)
{
	uint32_t opt = 0;
	struct t_stat stat;
	int fd;

	load_filters();
	fd = open_dev(sh("dev_null 16"), O_RDWR | O_DIRECT);

	/* as commands, all of these find no filter */
	want(both(fd, CTL(T_CMD_STAT, sizeof(stat)), (uintptr_t)&stat), -ENOENT);
	want(both(fd, CTL(T_CMD_CLEAR, 0), 0), -ENOENT);
	want(both(fd, CTL(99, 0), 4), -ENOENT);
	want(both(fd, (uintptr_t)&opt, 4097), -ENOENT);
	want(both(fd, (uintptr_t)&opt, 0), -ENOENT);
	/* what the compiler leaves behind optlen is not a length */
	want(both(fd, (uintptr_t)&opt, 4 | 7ULL << 32), -ENOENT);

	/* eight zero bytes: an attach, whatever follows */
	want(both(fd, 0, 0), 0);
	want(both(fd, 0, 0), -EALREADY);
	must(bf_detach_name(fd, T_FILTER_COUNT));
	want(both(fd, 0, (uintptr_t)&stat), 0);

	/* now commands find one */
	want(both(fd, CTL(T_CMD_CLEAR, 0), 0), 0);
	put_direct(fd, 0, 4096);
	want(both(fd, CTL(T_CMD_STAT, sizeof(stat)), (uintptr_t)&stat), 0);
	check(stat.writes == 1, "first-generation STAT tells %llu writes", stat.writes);
	want(both(fd, CTL(99, 0), 0), -ENOTTY);
	want(both(fd, 0, 0), -EALREADY);
	must(bf_detach_v1(fd, T_FILTER_COUNT));

	/* an attach with options */
	want(both(fd, (uintptr_t)&opt, sizeof(opt)), 0);
	must(bf_detach_name(fd, T_FILTER_COUNT));
	return 0;
}
