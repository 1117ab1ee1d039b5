/* module parameters have the documented defaults, are checked on write, and take effect at the next attach */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>

#include "source.h"

static const struct {
	const char *name;
	long value;
} defaults[] = {
	{ "tracking_block_minimum_shift", 16 }, { "tracking_block_maximum_count", 2097152 },
	{ "tracking_block_maximum_shift", 26 }, { "chunk_minimum_shift", 18 }, { "chunk_maximum_count_shift", 40 },
	{ "chunk_maximum_shift", 26 }, { "chunk_maximum_in_queue", 256 }, { "diff_storage_minimum", 2097152 },
};

/* Whatever the range is, these are outside of it. */
static void refuses(const char *name, long value)
{
	long before = param_get(name);
	int ret = param_set(name, value);

	check(ret < 0, "%s takes %ld", name, value);
	check(param_get(name) == before, "%s changed by a refused write", name);
}

static struct blksnap_cbtinfo attached(int fd)
{
	struct blksnap_cbtinfo info;

	must(bf_attach(fd));
	must(cbt_info(fd, &info));
	return info;
}

int main(void)
{
	int fd = open_dev(sh("dev_null 64"), O_RDWR);
	struct blksnap_cbtinfo info;
	unsigned int i;

	sh("rmmod blksnap; modprobe blksnap");
	for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		printf("%s\n", defaults[i].name);
		want(param_get(defaults[i].name), defaults[i].value);
		refuses(defaults[i].name, -1);
		want(param_set(defaults[i].name, defaults[i].value), 0);
	}
	refuses("tracking_block_minimum_shift", 64);
	refuses("tracking_block_minimum_shift", 27);	/* above the maximum */
	refuses("tracking_block_minimum_shift", 8);	/* below a sector */
	refuses("tracking_block_maximum_shift", 64);
	refuses("tracking_block_maximum_shift", 15);	/* below the minimum */
	refuses("tracking_block_maximum_count", 0);
	refuses("chunk_minimum_shift", 64);
	refuses("chunk_minimum_shift", 8);
	refuses("chunk_maximum_shift", 64);
	refuses("chunk_maximum_count_shift", 64);
	refuses("chunk_maximum_in_queue", 0);
	refuses("diff_storage_minimum", 0);

	info = attached(fd);
	check(info.block_size == 65536 && info.block_count == 1024, "%u blocks of %u", info.block_count, info.block_size);
	want(param_set("tracking_block_minimum_shift", 20), 0);
	must(cbt_info(fd, &info));
	check(info.block_size == 65536, "an attached device changed its blocks to %u", info.block_size);
	must(bf_detach(fd));

	info = attached(fd);
	check(info.block_size == 1 << 20 && info.block_count == 64, "%u blocks of %u", info.block_count, info.block_size);
	must(bf_detach(fd));

	/* the smallest block for which there are few enough ... */
	want(param_set("tracking_block_minimum_shift", 12), 0);
	want(param_set("tracking_block_maximum_count", 100), 0);
	info = attached(fd);
	check(info.block_size == 1 << 20 && info.block_count == 64, "%u blocks of %u", info.block_count, info.block_size);
	must(bf_detach(fd));

	/* ... but not larger than the largest */
	want(param_set("tracking_block_maximum_shift", 18), 0);
	info = attached(fd);
	check(info.block_size == 1 << 18 && info.block_count == 256, "%u blocks of %u", info.block_count, info.block_size);

	/* ... unless there were more blocks than can be counted; of twice the size there are 2.75e9, too many for this VM */
	want(param_set("tracking_block_minimum_shift", 9), 0);
	want(param_set("tracking_block_maximum_shift", 9), 0);
	want(bf_attach(open_dev(sh("dev_null 2685546 memory_backed=0"), O_RDWR)), -ENOMEM);
	return 0;
}
