// SPDX-License-Identifier: GPL-2.0
/*
 * filters on stacked devices (dm, md, loop) and below them see each write once and can do I/O of their own
 * timeout: 120
 * long: sanitizer
 */
#include "filter.h"

static void each_level(const char *upper, const char *lower, uint32_t mode, bool same_task)
{
	int up = attach(upper, T_FILTER_COUNT), low = attach(lower, T_FILTER_WRITES);
	struct t_stat u, l;

	filter_mode(up, T_FILTER_COUNT, mode);
	filter_mode(low, T_FILTER_WRITES, mode);
	put_direct(up, 1 * MIB, 1 * MIB);
	check(!fsync(up), "fsync: %m");
	map_is(up, T_FILTER_COUNT, 1 * MIB, 1 * MIB, 1);
	u = filter_stat(up, T_FILTER_COUNT);
	l = filter_stat(low, T_FILTER_WRITES);
	check(u.sectors == 2048, "%s: %llu sectors written, not 2048", upper, u.sectors);
	check(l.sectors >= 1024, "%s: %llu sectors written", lower, l.sectors);
	check(!u.in_list && !l.in_list, "bios in a list: %llu %llu", u.in_list, l.in_list);
	check(!u.outside && !l.outside, "bios outside: %llu %llu", u.outside, l.outside);
	check(!u.own_errors && !l.own_errors, "own reads failed: %llu %llu", u.own_errors, l.own_errors);
	if (same_task && !(mode & T_MODE_LATER))
		check(l.nested >= l.writes, "%llu of %llu writes below came inside of the upper pass",
		      l.nested, l.writes);
	check(!u.nested, "%llu writes to the upper device are inside of another", u.nested);
	must(bf_detach_name(up, T_FILTER_COUNT));
	must(bf_detach_name(low, T_FILTER_WRITES));
	close(up);
	close(low);
}

static void all_modes(const char *upper, const char *lower, bool same_task)
{
	static const uint32_t modes[] = { 0, T_MODE_OWN_BIO, T_MODE_GUARD, T_MODE_LATER,
					  T_MODE_OWN_BIO | T_MODE_LATER };
	unsigned int i;

	printf("%s on %s\n", upper, lower);
	fflush(stdout);
	for (i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		each_level(upper, lower, modes[i], same_task);
}

/* Attaching and detaching on both levels while writes run. */
static void under_load(const char *upper, const char *lower)
{
	int up = open_dev(upper, O_RDWR), low = open_dev(lower, O_RDWR), i;

	check(!sh_status("for i in 1 2 3; do (while [ ! -e /tmp/stop ]; do dd if=/dev/zero of=%s bs=256k count=32 "
			 "oflag=direct conv=notrunc 2>/dev/null || exit; done) >/dev/null 2>&1 & done; sleep 0.3", upper), "dd");
	for (i = 0; i < 20; i++) {
		must(bf_attach_opt(up, T_FILTER_COUNT, NULL, 0));
		must(bf_attach_opt(low, T_FILTER_WRITES, NULL, 0));
		filter_mode(up, T_FILTER_COUNT, T_MODE_OWN_BIO);
		filter_mode(low, T_FILTER_WRITES, i & 1 ? T_MODE_OWN_BIO : T_MODE_LATER);
		usleep(20000);
		must(bf_detach_name(i & 2 ? up : low, i & 2 ? T_FILTER_COUNT : T_FILTER_WRITES));
		must(bf_detach_name(i & 2 ? low : up, i & 2 ? T_FILTER_WRITES : T_FILTER_COUNT));
	}
	check(!sh_status("touch /tmp/stop"), "touch");
	close(up);
	close(low);
}

int main(void)
{
	char *null[2], *dev;

	load_filters();
	null[0] = strdup(sh("dev_null 64 max_sectors=32"));
	null[1] = strdup(sh("dev_null 64"));

	dev = strdup(sh("dm_linear lin %s 2048", null[0]));
	all_modes(dev, null[0], true);
	under_load(dev, null[0]);

	dev = strdup(sh("dm_linear lin2 %s 8", dev));
	all_modes(dev, "/dev/mapper/lin", true);
	all_modes(dev, null[0], true);
	check(!sh_status("sleep 1; dmsetup remove lin2; dmsetup remove lin"), "dmsetup remove");

	dev = strdup(sh("dm striped '0 65536 striped 2 8 %s 0 %s 0'", null[0], null[1]));
	all_modes(dev, null[1], true);
	check(!sh_status("dmsetup remove striped"), "dmsetup remove");

	dev = strdup(sh("dev_md 0 %s %s", null[0], null[1]));
	all_modes(dev, null[0], true);
	check(!sh_status("mdadm --stop %s", dev), "mdadm");

	dev = strdup(sh("dev_md 1 %s %s", null[0], null[1]));
	all_modes(dev, null[1], false);
	check(!sh_status("mdadm --stop %s", dev), "mdadm");

	check(!sh_status("mkfs.ext4 -q -F %s && mount %s /mnt", null[0], null[0]), "mkfs");
	dev = strdup(sh("dev_loop 32 /mnt/image"));
	all_modes(dev, null[0], false);
	return 0;
}
