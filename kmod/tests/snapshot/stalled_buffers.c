// SPDX-License-Identifier: GPL-2.0
/*
 * a command whose buffer's memory does not come holds up nobody else: not a take, nor other commands
 * timeout: 120
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source.h"

static struct source source;
static const struct blksnap_uuid *held;
static atomic_int inside, ended;

/* What one thread does with a buffer that lies on a device which stands still. */
static void cbtdirty(void *buffer)
{
	want(cbt_dirty(source.fd, buffer, 1), 0);
}

static void cbtmap(void *buffer)
{
	struct blksnap_cbtinfo info;

	must(cbt_info(source.fd, &info));
	want(cbt_map(source.fd, 0, info.block_count, buffer), info.block_count);
}

static void collect(void *buffer)
{
	uint32_t count = 4;

	want(snap_collect(control(), buffer, &count), 0);
}

static void event(void *buffer)
{
	want(snap_event(control(), held, 0, buffer), -ENOENT);
}

static void stat_device(void *buffer)
{
	must(dev_stat(source.fd, buffer));
}

static void (*const commands[])(void *) = { cbtdirty, cbtmap, collect, event, stat_device };

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static char *buffers;

static void *run(void *arg)
{
	unsigned int i = (uintptr_t)arg;

	inside++;
	commands[i](buffers + i * 8192);
	ended++;
	return NULL;
}

int main(void)
{
	const struct blksnap_sectors range = { 0, 8 };
	struct blksnap_uuid id, other;
	pthread_t threads[COMMANDS];
	struct blksnap_cbtinfo info;
	int file;

	source = source_open(sh("dev_null 16"));
	must(snap_create(control(), "/tmp", 8192, &other));
	held = &other;
	sh("d=$(dev_null 32); dm_linear still $d; mkfs.ext4 -q /dev/mapper/still; mkdir /tmp/m; "
	   "mount /dev/mapper/still /tmp/m; dd if=/dev/zero of=/tmp/m/f bs=8k count=%u 2>/dev/null; sync",
	   (unsigned int)COMMANDS);
	file = open("/tmp/m/f", O_RDWR);
	check(pwrite(file, &range, sizeof(range), 0) == sizeof(range), "pwrite");
	check(!fsync(file), "fsync");
	close(file);
	/* No page of it is in memory, and none will come until the device goes on. */
	sh("umount /tmp/m; mount /dev/mapper/still /tmp/m");
	file = open("/tmp/m/f", O_RDWR);
	buffers = mmap(NULL, COMMANDS * 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	check(buffers != MAP_FAILED, "mmap");
	check(!madvise(buffers, COMMANDS * 8192, MADV_RANDOM), "madvise");
	sh("dmsetup suspend --nolockfs still");
	for (uintptr_t i = 0; i < COMMANDS; i++)
		check(!pthread_create(&threads[i], NULL, run, (void *)i), "pthread_create");
	while (inside < (int)COMMANDS)
		usleep(1000);
	usleep(300000);
	check(!ended, "%d commands did not wait for their buffers", ended);

	must(cbt_info(source.fd, &info));
	id = take_one("/tmp", 4 * MIB, &source);
	seed_write(source.fd, MIB, 0, 1);
	destroy(&id);
	check(!ended, "%d commands did not wait for their buffers", ended);

	sh("dmsetup resume --noudevsync still");
	for (unsigned int i = 0; i < COMMANDS; i++)
		check(!pthread_join(threads[i], NULL), "pthread_join");
	destroy(&other);
	close(file);
	source_close(&source);
	return 0;
}
