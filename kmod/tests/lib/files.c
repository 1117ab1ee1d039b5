// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "random.h"
#include "source.h"
#include "files.h"

#define SOURCE	"/tmp/source"
#define IMAGE	"/tmp/image"
#define THREADS	3
#define KEPT	48		/* files of a thread, older ones are deleted */
#define LARGEST	65536

struct maker {
	pthread_t id;
	uint32_t number;
	uint64_t seed;
	atomic_uint_fast64_t started, synced; /* files: numbered from 1 */
	uint64_t least;
};

static struct maker makers[THREADS];
static atomic_bool stop;

static void name_of(char *path, const char *root, const struct maker *m, uint64_t file)
{
	sprintf(path, "%s/%u/%llu", root, m->number, (unsigned long long)file);
}

static size_t size_of(const struct maker *m, uint64_t file)
{
	uint64_t state = m->seed + 2 * file;

	return (1 + random_below(&state, LARGEST / SECTOR)) * SECTOR;
}

/* Written under another name and renamed, as careful programs do. */
static void make(const struct maker *m, uint64_t file, void *buf)
{
	char temporary[64], path[64], directory[32];
	size_t size = size_of(m, file);
	int fd, dir;

	sprintf(directory, SOURCE "/%u", m->number);
	sprintf(temporary, "%s/new", directory);
	name_of(path, SOURCE, m, file);
	pattern_fill(buf, 0, size / SECTOR, file, m->number, 0);
	fd = open_dev(temporary, O_RDWR | O_CREAT | O_TRUNC);
	write_all(fd, buf, size, 0);
	check(!fsync(fd), "fsync: %s", errno_name(errno));
	close(fd);
	check(!rename(temporary, path), "rename: %s", errno_name(errno));
	dir = open_dev(directory, O_RDONLY | O_DIRECTORY);
	check(!fsync(dir), "fsync of a directory: %s", errno_name(errno));
	close(dir);
}

static void *run(void *arg)
{
	struct maker *m = arg;
	void *buf = io_alloc(LARGEST);
	char old[64];

	for (uint64_t file = 1; !stop; file++) {
		m->started = file;
		make(m, file, buf);
		m->synced = file;
		if (file > KEPT) {
			name_of(old, SOURCE, m, file - KEPT);
			check(!unlink(old), "unlink: %s", errno_name(errno));
		}
	}
	free(buf);
	return NULL;
}

static void check_file(const struct maker *m, uint64_t file, void *buf)
{
	size_t size = size_of(m, file);
	struct stat st;
	char path[64];
	int fd;

	name_of(path, IMAGE, m, file);
	fd = open(path, O_RDONLY);
	check(fd >= 0, "file %s was synced before the take: %s", path, errno_name(errno));
	check(!fstat(fd, &st) && st.st_size == (off_t)size, "file %s has %lld bytes, not %zu",
	      path, (long long)st.st_size, size);
	read_all(fd, buf, size, 0);
	pattern_check(buf, 0, size / SECTOR, 0, file, file);
	close(fd);
}

/* Files synced before the take and not deleted before it. */
static unsigned int check_files(const uint64_t *most)
{
	void *buf = io_alloc(LARGEST);
	unsigned int checked = 0;

	for (unsigned int i = 0; i < THREADS; i++) {
		uint64_t first = most[i] > KEPT ? most[i] - KEPT + 1 : 1;

		for (uint64_t file = first; file <= makers[i].least; file++, checked++)
			check_file(&makers[i], file, buf);
	}
	free(buf);
	return checked;
}

static void start(void)
{
	for (unsigned int i = 0; i < THREADS; i++) {
		makers[i].number = i;
		sh("mkdir -p " SOURCE "/%u", i);
	}
	stop = false;
	for (unsigned int i = 0; i < THREADS; i++)
		check(!pthread_create(&makers[i].id, NULL, run, &makers[i]), "no thread");
}

static void finish(void)
{
	stop = true;
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(makers[i].id, NULL);
	sh("rm -rf " SOURCE "/*");
}

static void round_once(const struct file_system *fs, const struct source *source)
{
	struct blksnap_snapshotinfo info;
	struct blksnap_uuid id;
	uint64_t most[THREADS];
	unsigned int checked;

	start();
	for (unsigned int i = 0; i < THREADS; i++)
		while (makers[i].synced < 10)
			usleep(1000);
	for (unsigned int i = 0; i < THREADS; i++)
		makers[i].least = makers[i].synced;
	id = take_one("/tmp", 96 * MIB, source);
	for (unsigned int i = 0; i < THREADS; i++)
		most[i] = makers[i].started;
	usleep(300000);		/* overwrite what the image shows */
	if (fs->alone) {
		finish();
		sh("umount " SOURCE);
	}
	must(snap_info(source->fd, &info));
	if (fs->check)
		sh("d=/dev/%s; %s", info.image, fs->check);
	sh("mount -t %s -o %s /dev/%s " IMAGE, fs->name, fs->mount, info.image);
	checked = check_files(most);
	sh("umount " IMAGE);
	if (fs->check_after)
		sh("d=/dev/%s; %s", info.image, fs->check_after);
	want(image_error(source->fd), 0);
	destroy(&id);
	if (fs->alone)
		sh("mount -t %s %s " SOURCE, fs->name, source->path);
	else
		finish();
	printf("%u files in the image\n", checked);
	check(checked, "there was nothing to check");
	for (unsigned int i = 0; i < THREADS; i++)
		makers[i].started = makers[i].synced = 0;
}

void file_system_under_load(const struct file_system *fs, unsigned int rounds)
{
	struct source source = source_open(sh("dev_null %u discard=1", fs->mib));
	uint64_t seed = random_seed();

	for (unsigned int i = 0; i < THREADS; i++)
		makers[i].seed = seed + 1000000 * i;
	sh("modprobe -q %s || :; d=%s; %s", fs->name, source.path, fs->make);
	sh("mkdir -p " SOURCE " " IMAGE "; mount -t %s %s " SOURCE, fs->name, source.path);
	for (unsigned int i = 0; i < rounds; i++)
		round_once(fs, &source);
	sh("umount " SOURCE);
	source_close(&source);
}
