// SPDX-License-Identifier: GPL-2.0
/*
 * snapshots under load are right while another process takes all memory there is
 * timeout: 300
 * kernels: 6.1 6.12 sanitizer
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lossless.h"
#include "random.h"

#define LEFT_MIB 24

static long available_mib(void)
{
	char line[100];
	long kib = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib / 1024;
}

/* Takes memory, and takes again what is freed, so that reclaim never ends. */
static void hog(void)
{
	write_file("/proc/self/oom_score_adj", "1000");
	for (;;) {
		while (available_mib() > LEFT_MIB) {
			char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (p == MAP_FAILED)
				break;
			memset(p, 0x55, MIB);
		}
		usleep(10000);
	}
}

/* When there is nothing left a hog is what the kernel kills: the next one, please. */
static void hogs(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			hog();
		}
		waitpid(pid, NULL, 0);
	}
}

int main(void)
{
	struct lossless how = {
		.writers = { .threads = 3, .max_sectors = 256, .seed = random_seed() },
		.storage = "/dev/vdb",
		.limit = 64 * MIB,
		.rounds = 2,
	};
	pid_t pid;

	/* What a hog held takes a while to be freed: it is waited for as well. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < 2; i++) {
		/* A source that holds its data in memory needs it before the hog comes. */
		char *source = sh("dev_null 8; dd if=/dev/zero of=/dev/nullb%d bs=1M count=8 2>/dev/null; echo /dev/nullb%d", i, i);

		pid = fork();
		if (!pid)
			hogs();
		while (available_mib() > LEFT_MIB + 8 && waitpid(pid, NULL, WNOHANG) == 0)
			usleep(50000);
		lossless_rounds(source, &how);
		kill(pid, SIGKILL);
		while (waitpid(-1, NULL, 0) > 0)
			;
		how.storage = "/dev/vda";
	}
	return 0;
}
