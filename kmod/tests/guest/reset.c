// SPDX-License-Identifier: GPL-2.0
/*
 * Puts the VM back between two tests: no process, mount, snapshot, filter or
 * made device of the test before is left, and the modules' parameters are as
 * loaded. Done here and not by tests, so that a failing one disturbs no other.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <linux/raid/md_u.h>
#include "agent.h"
#include "../../include/uapi/linux/blk-filter.h"
#include "../../include/uapi/linux/blksnap.h"

static int left;

#define leftover(...) (left++, tell("|leftover: " __VA_ARGS__))

static int read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "r");

	buf[0] = 0;
	if (!f)
		return -errno;
	if (!fgets(buf, size, f))
		buf[0] = 0;
	fclose(f);
	buf[strcspn(buf, "\n")] = 0;
	return 0;
}

static void write_line(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		tell("|reset: %s: %s", path, strerror(errno));
	close(fd);
}

/* Parameters, as they were when the modules were loaded. */

static struct param {
	char path[256], value[64];
} params[64];
static int nr_params;

void reset_init(void)
{
	struct stat st;
	glob_t g;
	size_t i;

	if (glob("/sys/module/blk[sf]*/parameters/*", 0, NULL, &g))
		return;
	for (i = 0; i < g.gl_pathc && nr_params < 64; i++) {
		struct param *p = &params[nr_params];

		if (stat(g.gl_pathv[i], &st) || !(st.st_mode & 0200))
			continue;
		snprintf(p->path, sizeof(p->path), "%s", g.gl_pathv[i]);
		if (!read_line(p->path, p->value, sizeof(p->value)))
			nr_params++;
	}
	globfree(&g);
}

static void reset_params(void)
{
	char value[64];
	int i;

	for (i = 0; i < nr_params; i++)
		if (!read_line(params[i].path, value, sizeof(value)) &&
		    strcmp(value, params[i].value))
			write_line(params[i].path, params[i].value);
}

/* Fault injection stops before anything else is tried. */
static void reset_injection(void)
{
	static const char *const dirs[] = { "failslab", "fail_page_alloc",
					    "fail_make_request", "fail_io_timeout" };
	unsigned int i;
	char path[100];
	glob_t g;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/probability", dirs[i]);
		if (!access(path, F_OK))
			write_line(path, "0");
	}
	if (!glob("/sys/block/*/make-it-fail", 0, NULL, &g)) {
		size_t j;

		for (j = 0; j < g.gl_pathc; j++)
			write_line(g.gl_pathv[j], "0");
		globfree(&g);
	}
}

static void kill_processes(void)
{
	int i;

	for (i = 0; i < 200; i++) {
		pid_t pid;

		kill(-1, SIGKILL);
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0)
			return;
		usleep(10000);
	}
	leftover("processes that do not die");
}

static void reset_dm_suspended(void)
{
	static const char *const resume[] = { "sh", "-c",
		"dmsetup info -c --noheadings -o name,suspended 2>/dev/null |"
		"grep -i :suspended | cut -d: -f1 | xargs -r -n1 dmsetup resume", NULL };

	if (!access("/dev/mapper/control", F_OK))
		run(resume);
}

static void reset_mounts(void)
{
	static const char *const keep[] = { "/", "/proc", "/sys", "/dev", "/tmp", "/run",
		"/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/config",
		"/sys/kernel/debug/tracing", NULL };
	char line[1024], dir[512], last[512] = "";
	int i, tries;

	for (tries = 0; tries < 100; tries++) {
		FILE *f = fopen("/proc/mounts", "r");

		dir[0] = 0;
		while (f && fgets(line, sizeof(line), f)) {
			char d[512];

			if (sscanf(line, "%*s %511s", d) != 1)
				continue;
			for (i = 0; keep[i] && strcmp(keep[i], d); i++)
				;
			if (!keep[i])
				strcpy(dir, d);
		}
		if (f)
			fclose(f);
		if (!dir[0])
			return;
		if (umount2(dir, 0) && (errno != EBUSY || tries > 20 || !strcmp(dir, last)))
			umount2(dir, MNT_DETACH);
		strcpy(last, dir);
	}
	leftover("mount %s", dir);
}

static void reset_swaps(void)
{
	char line[512], path[256];
	FILE *f = fopen("/proc/swaps", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "/%254s", path + 1) == 1) {
			path[0] = '/';
			swapoff(path);
		}
	if (f)
		fclose(f);
}

static void reset_snapshots(void)
{
	struct blksnap_uuid ids[256];
	struct blksnap_snapshot_array a = { 256, (unsigned long)ids };
	int fd = open("/dev/blksnap-control", O_RDWR | O_CLOEXEC);
	unsigned int i;
	glob_t g;

	if (fd < 0)
		return;
	if (ioctl(fd, IOCTL_BLKSNAP_SNAPSHOT_COLLECT, &a))
		leftover("snapshots cannot be listed: %s", strerror(errno));
	else
		for (i = 0; i < a.count; i++)
			if (ioctl(fd, IOCTL_BLKSNAP_SNAPSHOT_DESTROY, &ids[i]))
				leftover("snapshot cannot be destroyed: %s", strerror(errno));
	close(fd);
	if (!glob("/sys/block/blksnap-image*", 0, NULL, &g)) {
		for (i = 0; i < g.gl_pathc; i++)
			leftover("%s", g.gl_pathv[i]);
		globfree(&g);
	}
}

static void detach(const char *sysfs, const char *filter)
{
	struct blkfilter_name name = { 0 };
	const char *base = strrchr(sysfs, '/') + 1;
	char node[300], no[32];
	unsigned int major, minor;
	int fd;

	memcpy(name.name, filter, strnlen(filter, sizeof(name.name) - 1));
	snprintf(node, sizeof(node), "%s/dev", sysfs);
	read_line(node, no, sizeof(no));
	if (sscanf(no, "%u:%u", &major, &minor) != 2)
		return;
	snprintf(node, sizeof(node), "/run/reset-%u-%u", major, minor);
	mknod(node, S_IFBLK | 0600, (dev_t)major << 8 | (minor & 0xff) |
	      (dev_t)(minor & ~0xff) << 12);
	fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKFILTER_DETACH, &name))
		leftover("filter %s of %s: %s", filter, base, strerror(errno));
	if (fd >= 0)
		close(fd);
	unlink(node);
}

static void reset_filters(void)
{
	static const char *const patterns[] = { "/sys/block/*/filter", "/sys/block/*/*/filter" };
	char name[64], dir[256];
	glob_t g;
	size_t i;
	int p;

	for (p = 0; p < 2; p++) {
		if (glob(patterns[p], 0, NULL, &g))
			continue;
		for (i = 0; i < g.gl_pathc; i++) {
			read_line(g.gl_pathv[i], name, sizeof(name));
			if (!name[0])
				continue;
			snprintf(dir, sizeof(dir), "%s", g.gl_pathv[i]);
			*strrchr(dir, '/') = 0;
			detach(dir, name);
		}
		globfree(&g);
	}
}

static void each(const char *pattern, void (*fn)(const char *path))
{
	glob_t g;
	size_t i;

	if (glob(pattern, 0, NULL, &g))
		return;
	for (i = 0; i < g.gl_pathc; i++)
		fn(g.gl_pathv[i]);
	globfree(&g);
}

static void stop_md(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		ioctl(fd, STOP_ARRAY, NULL);
		close(fd);
	}
}

static void free_loop(const char *path)
{
	char backing[200], node[64];
	int fd;

	snprintf(backing, sizeof(backing), "%s/loop/backing_file", path);
	if (access(backing, F_OK))
		return;
	snprintf(node, sizeof(node), "/dev/%s", strrchr(path, '/') + 1);
	fd = open(node, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (ioctl(fd, LOOP_CLR_FD, 0) && errno != ENXIO))
		leftover("%s: %s", node, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void free_nullb(const char *path)
{
	char power[256];

	snprintf(power, sizeof(power), "%s/power", path);
	if (access(power, F_OK))
		return;
	write_line(power, "0");
	if (rmdir(path))
		leftover("%s: %s", path, strerror(errno));
}

static void clear_disk(const char *path)
{
	struct blkpg_partition part = { 0 };
	struct blkpg_ioctl_arg arg = { BLKPG_DEL_PARTITION, 0, sizeof(part), &part };
	unsigned long long size = 0, all[2] = { 0, 0 };
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	for (part.pno = 1; part.pno < 16; part.pno++)
		if (ioctl(fd, BLKPG, &arg) && errno != ENXIO)
			leftover("partition %d of %s: %s", part.pno, path, strerror(errno));
	if (!ioctl(fd, BLKGETSIZE64, &size)) {
		all[1] = size;
		ioctl(fd, BLKDISCARD, all);
	}
	close(fd);
}

static void unload(const char *name)
{
	const char *const argv[] = { "rmmod", name, NULL };
	char path[100];
	int i;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	for (i = 0; i < 20; i++) {
		if (access(path, F_OK) || !run(argv))
			return;
		usleep(100000);
	}
	leftover("module %s", name);
}

static void unload_path(const char *path)
{
	unload(strrchr(path, '/') + 1);
}

static void check_refcnt(const char *name, int want)
{
	char path[100], value[32];
	int i, n = 0;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	for (i = 0; i < 20; i++) {
		if (read_line(path, value, sizeof(value)))
			return;	/* not loaded */
		n = atoi(value);
		if (n == want)
			return;
		usleep(50000);
	}
	leftover("%d references to module %s, expected %d", n, name, want);
}

static void remove_tmp(void)
{
	static const char *const clear[] = { "sh", "-c",
		"rm -rf /tmp/* /dev/shm/*", NULL };

	run(clear);
}

int load_modules(void)
{
	/*
	 * Storages in memory are allocated ahead, and an emulated CPU is slow at clearing
	 * pages: 4 MiB at a time, and not the gigabyte of the default.
	 */
	static const char *const cmd[] = { "modprobe", "blksnap", "diff_storage_minimum=8192", NULL };

	if (!access("/sys/module/blksnap", F_OK) ||
	    access("/etc/with-modules", F_OK))
		return 0;
	return run(cmd);
}

int reset_all(void)
{
	static const char *const dm[] = { "dmsetup", "remove_all", "--force", NULL };
	static const char *const helpers[] = { "scsi_debug", "brd", "zram" };
	unsigned int i;

	left = 0;
	reset_injection();
	reset_dm_suspended();
	kill_processes();
	reset_swaps();
	reset_mounts();
	reset_snapshots();
	reset_filters();
	if (!access("/sys/module/md_mod", F_OK))
		each("/dev/md[0-9]*", stop_md);
	if (!access("/dev/mapper/control", F_OK))
		run(dm);
	each("/sys/block/loop*", free_loop);
	each("/sys/kernel/config/nullb/*", free_nullb);
	for (i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
		unload(helpers[i]);
	each("/dev/vd[a-z]", clear_disk);
	each("/sys/module/t_*", unload_path);
	reset_params();
	if (!access("/sys/module/blksnap", F_OK)) {
		check_refcnt("blksnap", 0);
		check_refcnt("blkfilter", 1);
	}
	remove_tmp();
	return left;
}
