// SPDX-License-Identifier: GPL-2.0
/*
 * attach, detach, commands, re-reads of the partition table and writes, all at once and at random
 * timeout: 150
 */
#include "filter.h"
#include <pthread.h>
#include <time.h>

static char *disk;
static char node[3][64];
static volatile bool stop;
static unsigned long attached;

static unsigned int pick(unsigned int *seed, unsigned int n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % n;
}

static void *user(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	uint32_t whole = T_OPT_WHOLE_DISK;

	while (!stop) {
		const char *name = pick(&seed, 2) ? T_FILTER_COUNT : T_FILTER_WRITES;
		int fd = open(node[pick(&seed, 3)], O_RDWR | O_DIRECT);
		bool opt = !pick(&seed, 4);
		uint32_t mode = pick(&seed, 32) & ~T_MODE_STAY;
		struct t_stat stat;
		int ret;

		if (fd < 0)
			continue;	/* the partition is just not there */
		ret = bf_attach_opt(fd, name, opt ? &whole : NULL, opt ? sizeof(whole) : 0);
		check(!ret || ret == -EALREADY || ret == -EBUSY || ret == -EINVAL || ret == -ENODEV,
		      "attach: %s", result_name(ret));
		if (!ret)
			__atomic_add_fetch(&attached, 1, __ATOMIC_RELAXED);
		bf_ctl_name(fd, name, T_CMD_MODE, &mode, sizeof(mode));
		if (!bf_ctl_name(fd, name, T_CMD_STAT, &stat, sizeof(stat)))
			check(!stat.outside && !stat.in_list && !stat.own_errors, "outside %llu, in a list %llu, failed %llu",
			      stat.outside, stat.in_list, stat.own_errors);
		if (pick(&seed, 3)) {
			ret = bf_detach_name(fd, name);
			check(!ret || ret == -ENOENT || ret == -EINVAL, "detach: %s", result_name(ret));
		}
		close(fd);
	}
	return NULL;
}

static void *writer(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	void *buf = buffer(256 * KIB);

	while (!stop) {
		int fd = open(node[pick(&seed, 3)], O_RDWR | O_DIRECT), i;

		for (i = 0; fd >= 0 && i < 50; i++) {
			long size = (1 + pick(&seed, 64)) * 4096;
			/* not over the partition table */
			ssize_t n = pwrite(fd, buf, size, (1 + pick(&seed, 1000)) * 4096);

			check(n == size, "write: %zd of %ld: %m", n, size);
		}
		if (fd >= 0)
			close(fd);
	}
	free(buf);
	return NULL;
}

static void *partitioner(void *arg)
{
	int fd = open_dev(disk, O_RDWR);

	while (!stop) {
		ioctl(fd, BLKRRPART);
		usleep(5000);
	}
	close(fd);
	return NULL;
}

int main(void)
{
	pthread_t t[7];
	uintptr_t i, seed = time(NULL);

	load_filters();
	disk = strdup(sh("dev_null 32 max_sectors=64"));
	check(!sh_status("partition %s 1:15 16:15", disk), "partition");
	snprintf(node[0], sizeof(node[0]), "%s", disk);
	snprintf(node[1], sizeof(node[1]), "%sp1", disk);
	snprintf(node[2], sizeof(node[2]), "%sp2", disk);
	printf("seed %lu\n", seed);
	fflush(stdout);
	for (i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, user, (void *)(seed + i));
	for (; i < 6; i++)
		pthread_create(&t[i], NULL, writer, (void *)(seed + i));
	pthread_create(&t[6], NULL, partitioner, NULL);
	sleep(10);
	stop = true;
	for (i = 0; i < 7; i++)
		pthread_join(t[i], NULL);
	check(attached > 10, "only %lu attachments", attached);
	for (i = 0; i < 3; i++) {
		int fd = open_dev(node[i], O_RDWR);

		bf_detach_name(fd, T_FILTER_COUNT);
		bf_detach_name(fd, T_FILTER_WRITES);
		close(fd);
	}
	check(filter_refs() == 0, "%ld module references are left", filter_refs());
	printf("%lu attachments\n", attached);
	return 0;
}
