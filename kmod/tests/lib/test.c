// SPDX-License-Identifier: GPL-2.0
/* Judging, devices and files: what tests need besides the module's interface. */
#define _GNU_SOURCE
#include "blksnap.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>

void (*on_fail)(void);

void fail_at(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	va_list ap;

	printf("FAIL: %s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (on_fail)
		on_fail();
	fflush(stdout);
	_exit(EXIT_FAIL);
}

void skip(const char *reason)
{
	printf("%s\n", reason);
	fflush(stdout);
	_exit(EXIT_SKIP);
}

const char *errno_name(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "no errno";
}

const char *result_name(long ret)
{
	static char text[4][32];
	static int next;
	char *t = text[next++ % 4];

	if (ret < 0 && ret > -4096 && strerrorname_np(-ret))
		snprintf(t, sizeof(text[0]), "-%s", strerrorname_np(-ret));
	else
		snprintf(t, sizeof(text[0]), "%ld", ret);
	return t;
}

static int vsh(char **last, const char *fmt, va_list ap)
{
	char command[1024], line[1024];
	FILE *f;
	int n = snprintf(command, sizeof(command), ". /tests/lib/lib.sh; ");

	vsnprintf(command + n, sizeof(command) - n, fmt, ap);
	fflush(stdout);
	f = popen(command, "re");
	if (!f)
		fail("cannot run a shell: %s", errno_name(errno));
	*last = NULL;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		free(*last);
		*last = strdup(line);
	}
	n = pclose(f);
	return WIFEXITED(n) ? WEXITSTATUS(n) : 128 + WTERMSIG(n);
}

char *sh(const char *fmt, ...)
{
	va_list ap;
	char *last;
	int status;

	va_start(ap, fmt);
	status = vsh(&last, fmt, ap);
	va_end(ap);
	if (status == EXIT_SKIP)
		skip(last ? last : "no reason given");
	if (status)
		fail("sh %s: status %d: %s", fmt, status, last ? last : "no output");
	return last ? last : strdup("");
}

int sh_status(const char *fmt, ...)
{
	va_list ap;
	char *last;
	int status;

	va_start(ap, fmt);
	status = vsh(&last, fmt, ap);
	va_end(ap);
	if (last)
		printf("%s\n", last);
	free(last);
	return status;
}

int open_dev(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		fail("open %s: %s", path, errno_name(errno));
	return fd;
}

uint64_t dev_size(int fd)
{
	uint64_t size;

	if (ioctl(fd, BLKGETSIZE64, &size))
		fail("BLKGETSIZE64: %s", errno_name(errno));
	return size;
}

bool is_sanitizer(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

void write_file(const char *path, const char *text)
{
	int ret = write_text(path, text);

	if (ret)
		fail("write '%s' to %s: %s", text, path, errno_name(-ret));
}

long read_number(const char *path)
{
	long n;
	FILE *f = fopen(path, "re");

	if (!f || fscanf(f, "%ld", &n) != 1)
		fail("no number in %s", path);
	fclose(f);
	return n;
}

#define PARAM "/sys/module/blksnap/parameters/%s"

long param_get(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), PARAM, name);
	return read_number(path);
}

int param_set(const char *name, long value)
{
	char path[128], text[24];

	snprintf(path, sizeof(path), PARAM, name);
	snprintf(text, sizeof(text), "%ld", value);
	return write_text(path, text);
}

const char *bf_sysfs(const char *dev)
{
	static char line[64];
	char path[200];
	const char *base = strrchr(dev, '/');
	FILE *f;

	/* a partition's directory is below its disk's, but class/block has both */
	snprintf(path, sizeof(path), "/sys/class/block/%s/filter", base ? base + 1 : dev);
	f = fopen(path, "re");
	if (!f)
		fail("open %s: %s", path, errno_name(errno));
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	line[strcspn(line, "\n")] = 0;
	return line;
}
