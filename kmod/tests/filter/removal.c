// SPDX-License-Identifier: GPL-2.0
/*
 * a device that is pulled out under load takes its filter along, and nothing hangs or leaks
 * timeout: 150
 */
#include "filter.h"
#include <pthread.h>

static volatile bool stop;

static void *writer(void *dev)
{
	int fd = open(dev, O_RDWR | O_DIRECT);
	void *buf = buffer(256 * KIB);
	long i;

	check(fd >= 0, "%s: %m", (char *)dev);
	for (i = 0; !stop && pwrite(fd, buf, 256 * KIB, i % 40 * 256 * KIB) > 0; i++)
		;
	free(buf);
	close(fd);
	return NULL;
}

static void *sleeper(void *fd)
{
	int ret = bf_ctl_name(*(int *)fd, T_FILTER_COUNT, T_CMD_SLEEP, NULL, 0);

	check(!ret || ret == -ENOENT, "a command during removal: %s", result_name(ret));
	return NULL;
}

static void round_of(uint32_t mode, bool whole)
{
	char *disk = strdup(sh("dev_null 32"));
	char part[64], cmd[100];
	pthread_t t[5];
	int i, fd[2];

	check(!sh_status("partition %s 1:20", disk), "partition");
	snprintf(part, sizeof(part), "%sp1", disk);
	fd[0] = whole ? attach_whole(disk, T_FILTER_COUNT) : attach(disk, T_FILTER_COUNT);
	filter_mode(fd[0], T_FILTER_COUNT, mode | T_MODE_STAY);
	if (whole) {
		fd[1] = open_dev(part, O_RDWR | O_DIRECT);
	} else {
		fd[1] = attach(part, T_FILTER_COUNT);
		filter_mode(fd[1], T_FILTER_COUNT, mode | T_MODE_STAY);
	}
	stop = false;
	for (i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, writer, i & 1 ? part : disk);
	pthread_create(&t[4], NULL, sleeper, &fd[0]);
	usleep(200000);

	snprintf(cmd, sizeof(cmd), "null_remove %s", disk);
	check(!sh_status("%s", cmd), "%s", cmd);
	check(filter_refs() == 0, "%ld references are left after the removal", filter_refs());
	stop = true;
	for (i = 0; i < 5; i++)
		pthread_join(t[i], NULL);

	want(bf_attach_opt(fd[0], T_FILTER_COUNT, NULL, 0), -ENODEV);
	want(bf_attach_v1(fd[1], T_FILTER_COUNT), -ENODEV);
	want(bf_detach_name(fd[0], T_FILTER_COUNT), -ENOENT);
	want(bf_ctl_name(fd[1], T_FILTER_COUNT, T_CMD_CLEAR, NULL, 0), -ENOENT);
	check(filter_refs() == 0, "%ld references are left", filter_refs());
	close(fd[0]);
	close(fd[1]);
	check(!sh_status("rmdir /sys/kernel/config/nullb/%s", strrchr(disk, '/') + 1), "rmdir");
	free(disk);
}

int main(void)
{
	load_filters();
	round_of(0, false);
	round_of(T_MODE_DELAY, false);
	round_of(T_MODE_OWN_BIO, true);
	round_of(T_MODE_LATER | T_MODE_DELAY, true);
	round_of(T_MODE_LATER, false);
	return 0;
}
