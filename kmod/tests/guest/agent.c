// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of the test VM. Takes orders from the host on the second serial port,
 * a line each, and answers in lines:
 *
 *   run <timeout> <path>   "|<text>" for each line of the test's output, then
 *                          "end <exit status, or -signal> <leftovers>"
 *   finish                 unloads the modules, looks for leaks, "end <failures> 0"
 *   off                    powers off
 *
 * "hello <release>" says that it is ready. The kernel's log goes to the first
 * serial port; begin and end of a test are marked in it, for the host to tell
 * which test a message belongs to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "agent.h"

static int host = 1;

void tell(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	size_t n;
	char *p;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	for (p = line; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	n = strlen(line);
	line[n++] = '\n';
	for (p = line; n;) {
		ssize_t w = write(host, p, n);

		if (w < 0)
			break;
		p += w;
		n -= w;
	}
}

static void mark(const char *what, const char *name)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char line[300];
	int n = snprintf(line, sizeof(line), "<4>blkcast-test: %s %.200s\n", what, name);

	/* not dprintf(), which fails on what cannot tell its position */
	if (fd < 0 || write(fd, line, n) != n)
		tell("|cannot write to the kernel's log: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int run(const char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}

/* What sleeps where, to the kernel log: the only clue that a hang leaves. */
static void show_blocked(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	if (fd >= 0) {
		if (write(fd, "w", 1) < 0)
			tell("|(sysrq failed)");
		close(fd);
	}
}

/* Copies complete lines of the test's output to the host. */
static void forward(char *buf, size_t *len, int flush)
{
	char *line = buf, *nl;

	while ((nl = memchr(line, '\n', *len - (line - buf)))) {
		*nl = 0;
		tell("|%s", line);
		line = nl + 1;
	}
	*len -= line - buf;
	memmove(buf, line, *len);
	if (*len && (flush || *len > 900)) {
		buf[*len] = 0;
		tell("|%s", buf);
		*len = 0;
	}
}

static void run_test(int timeout, const char *path)
{
	char buf[2048];
	size_t len = 0, total = 0;
	int out[2], status = 0, expired = 0;
	double end = now() + timeout;
	pid_t pid;

	mark("begin", path);
	if (pipe2(out, O_CLOEXEC) || (pid = fork()) < 0) {
		tell("|cannot start: %s", strerror(errno));
		tell("end 126 0");
		return;
	}
	if (!pid) {
		int null = open("/dev/null", O_RDONLY);

		setsid();
		dup2(null, 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		signal(SIGPIPE, SIG_DFL);
		if (chdir("/tmp"))
			_exit(126);
		if (strlen(path) > 3 && !strcmp(path + strlen(path) - 3, ".sh"))
			execl("/bin/sh", "sh", path, NULL);
		else
			execl(path, path, NULL);
		dprintf(1, "cannot execute %s: %s\n", path, strerror(errno));
		_exit(126);
	}
	close(out[1]);
	for (;;) {
		struct pollfd p = { out[0], POLLIN, 0 };
		pid_t done = waitpid(pid, &status, WNOHANG);
		ssize_t n;

		if (poll(&p, 1, done ? 0 : 100) > 0) {
			n = read(out[0], buf + len, sizeof(buf) - 1 - len);
			if (n > 0) {
				len += n;
				total += n;
				if (total > 256 << 10)
					len = 0;
				forward(buf, &len, 0);
				continue;
			}
			if (!done)
				usleep(20000);
		}
		if (done)
			break;
		if (!expired && now() > end) {
			expired = 1;
			tell("|timeout: not finished after %d s, killed", timeout);
			show_blocked();
			kill(-1, SIGKILL);
			end = now() + 20;
		} else if (expired && now() > end) {
			tell("stuck");	/* the host gives up on this VM */
			show_blocked();
			pause();
		}
	}
	forward(buf, &len, 1);
	close(out[0]);
	mark("end", path);
	if (expired)
		status = 124;
	else
		status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	tell("end %d %d", status, reset_all());
	mark("reset", path);
}

/* The host has only one of the VMs look for leaks. */
static int leaks_ignored(void)
{
	char line[4096] = "";
	FILE *f = fopen("/proc/cmdline", "r");

	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	return !!strstr(line, "kmemleak=off");
}

/* Objects are reported once they are five seconds old and missed by two scans. */
static int leaks(void)
{
	char line[200];
	int i, fd, n = 0;
	FILE *f;

	if (access("/sys/kernel/debug/kmemleak", F_OK) || leaks_ignored())
		return 0;
	for (i = 0; i < 2; i++) {
		fd = open("/sys/kernel/debug/kmemleak", O_WRONLY);
		if (fd < 0 || write(fd, "scan", 4) < 0) {
			tell("|kmemleak: %s", strerror(errno));
			n++;
		}
		if (fd >= 0)
			close(fd);
		if (!i)
			sleep(6);
	}
	f = fopen("/sys/kernel/debug/kmemleak", "r");
	while (f && fgets(line, sizeof(line), f)) {
		n += !strncmp(line, "unreferenced", 12);
		if (n <= 10)
			tell("|%s", line);
	}
	if (f)
		fclose(f);
	return n;
}

static void finish(void)
{
	static const char *const mods[] = { "blksnap", "blkfilter", NULL };
	int i, bad = 0;

	mark("begin", "finish");
	for (i = 0; mods[i]; i++) {
		char path[64];
		const char *const argv[] = { "rmmod", mods[i], NULL };

		snprintf(path, sizeof(path), "/sys/module/%s/refcnt", mods[i]);
		if (access(path, F_OK))
			continue;
		if (run(argv)) {
			tell("|%s does not unload", mods[i]);
			bad++;
		}
	}
	bad += leaks();
	mark("end", "finish");
	tell("end %d 0", bad);
	mark("reset", "finish");
}

static void setup(void)
{
	static const struct { const char *type, *dir; } fs[] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" },
		{ "tmpfs", "/tmp" }, { "debugfs", "/sys/kernel/debug" },
		{ "tracefs", "/sys/kernel/tracing" }, { "tmpfs", "/run" },
	};
	static const char *const modules[] = {
		"virtio_pci", "virtio_blk", "configfs", "loop", "dm-mod",
	};
	unsigned int i;
	FILE *f;

	for (i = 0; i < sizeof(fs) / sizeof(fs[0]); i++)
		mount(fs[i].type, fs[i].dir, fs[i].type, 0, NULL);
	for (i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		const char *const argv[] = { "modprobe", "-q", modules[i], NULL };

		run(argv);
	}
	/* User-Mode Linux's disks under the names that tests know. */
	for (i = 0; i < 3; i++) {
		char ubd[] = "/dev/ubda", vd[] = "/dev/vda";

		ubd[8] = vd[7] = 'a' + i;
		if (!access(ubd, F_OK) && access(vd, F_OK))
			symlink(ubd + 5, vd);
	}
	mount("configfs", "/sys/kernel/config", "configfs", 0, NULL);
	mkdir("/dev/shm", 0755);
	symlink("/proc/self/fd", "/dev/fd");
	/* finish() scans, and a scan takes long. */
	f = fopen("/sys/kernel/debug/kmemleak", "w");
	if (f) {
		fputs("scan=off", f);
		fclose(f);
	}
	f = fopen("/proc/sys/kernel/hung_task_timeout_secs", "w");
	if (f) {
		/* everything is slower with sanitizers */
		fprintf(f, "%d\n", access("/sys/kernel/debug/kmemleak", F_OK) ? 45 : 120);
		fclose(f);
	}
	klogctl(8, NULL, 7);
}

int main(void)
{
	char line[512], path[400];
	struct utsname u;
	int timeout;
	FILE *in;

	setenv("PATH", "/bin", 1);
	setenv("HOME", "/tmp", 1);
	setup();
	signal(SIGPIPE, SIG_IGN);
	if (getenv("shell")) {
		load_modules();
		for (;;) {
			const char *const sh[] = { "setsid", "-c", "sh", "-l", NULL };

			run(sh);
			reboot(RB_POWER_OFF);
		}
	}
	host = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (host < 0) {
		fprintf(stderr, "no /dev/ttyS1\n");
		reboot(RB_POWER_OFF);
	} else {
		struct termios t;

		tcgetattr(host, &t);
		cfmakeraw(&t);
		tcsetattr(host, TCSANOW, &t);
	}
	in = fdopen(host, "r");
	uname(&u);
	/* what the log says above this line is not of the modules' doing */
	mark("modules", u.release);
	if (load_modules())
		tell("|the modules under test do not load");
	reset_init();
	tell("hello %s", u.release);
	while (fgets(line, sizeof(line), in)) {
		if (sscanf(line, "run %d %399s", &timeout, path) == 2) {
			if (load_modules())
				tell("|the modules under test do not load");
			run_test(timeout, path);
		} else if (!strncmp(line, "finish", 6)) {
			finish();
		} else if (!strncmp(line, "off", 3)) {
			break;
		}
	}
	reboot(RB_POWER_OFF);
	return 0;
}
