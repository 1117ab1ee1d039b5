// SPDX-License-Identifier: GPL-2.0
/*
 * figures that are asked for while takes go on under load are of one epoch
 * timeout: 120
 * long: sanitizer
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "source.h"

static struct source source;
static bool over;

static void *write_on(void *unused)
{
	void *buf = io_alloc(4096);

	for (uint64_t i = 0; !__atomic_load_n(&over, __ATOMIC_RELAXED); i++)
		check(pwrite(source.fd, buf, 4096, i % 1024 * 4096) == 4096, "write");
	return unused;
}

static void *ask_on(void *unused)
{
	struct blksnap_device_stat stat;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		must(dev_stat(source.fd, &stat));
		check(stat.written_bytes < 1ULL << 40, "%llu bytes written since the take",
		      (unsigned long long)stat.written_bytes);
		check(stat.changed_blocks <= 64, "%llu of 64 blocks changed",
		      (unsigned long long)stat.changed_blocks);
	}
	return unused;
}

int main(void)
{
	pthread_t writer, asker;

	source = source_open(sh("dev_null 4"));
	check(!pthread_create(&writer, NULL, write_on, NULL), "pthread_create");
	check(!pthread_create(&asker, NULL, ask_on, NULL), "pthread_create");
	for (unsigned int i = 0; i < repeats(20); i++) {
		struct blksnap_uuid id = take_one("/tmp", 16 * MIB, &source);

		destroy(&id);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	pthread_join(writer, NULL);
	pthread_join(asker, NULL);
	source_close(&source);
	return 0;
}
