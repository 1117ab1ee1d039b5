// SPDX-License-Identifier: GPL-2.0
/* The change map: as it is, or as the extents that changed. */
#define _GNU_SOURCE
#include "ctl.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct hint hints[] = {
	{ ENOENT, "the device is not tracked; start with: blksnapctl attach DEVICE" },
	{ 0, NULL }
};

static uint8_t *read_map(int fd, const char *path, struct blksnap_cbtinfo *info)
{
	struct blksnap_cbtmap arg;
	uint8_t *map;
	uint32_t done;
	int n;

	device_cbtinfo(fd, path, info);
	map = malloc(info->block_count + 1);
	if (!map)
		die("out of memory");
	for (done = 0; done < info->block_count; done += n) {
		arg.offset = done;
		arg.length = info->block_count - done;
		arg.buffer = (uintptr_t)(map + done);
		n = device_ctl(fd, BLKFILTER_CTL_BLKSNAP_CBTMAP, &arg, sizeof(arg));
		if (n <= 0)
			die_errno(n ? errno : EIO, "map", path, hints);
	}
	return map;
}

/* Changed since: value above since; each run of such blocks, cut to the device's end. */
static void print_extents(const uint8_t *map, const struct blksnap_cbtinfo *info, unsigned int since)
{
	uint64_t start, end, total = 0;
	const char *comma = "";
	uint32_t i, first;

	if (json)
		printf("{\"generation_id\": \"%s\", \"changes_number\": %u, \"since\": %u, \"extents\": [",
		       id_text(&info->generation_id), info->changes_number, since);
	for (i = 0; i < info->block_count; i++) {
		if (map[i] <= since)
			continue;
		for (first = i; i < info->block_count && map[i] > since; i++)
			;
		start = (uint64_t)first * info->block_size;
		end = (uint64_t)i * info->block_size;
		if (end > info->device_capacity)
			end = info->device_capacity;
		total += end - start;
		if (json)
			printf("%s{\"byte_offset\": %llu, \"size_bytes\": %llu}", comma,
			       (unsigned long long)start, (unsigned long long)(end - start));
		else
			printf("%llu %llu\n", (unsigned long long)start, (unsigned long long)(end - start));
		comma = ", ";
	}
	if (json)
		printf("], \"changed_bytes\": %llu}\n", (unsigned long long)total);
}

int cmd_map(int argc, char **argv)
{
	const char *path = NULL, *output = NULL;
	struct blksnap_cbtinfo info;
	bool extents = json;
	uint64_t since = 0;
	uint8_t *map;
	int i;

	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--extents"))
			extents = true;
		else if (!strcmp(argv[i], "--since") && i + 1 < argc)
			since = parse_number(argv[++i], "--since");
		else if (!strcmp(argv[i], "--output") && i + 1 < argc)
			output = argv[++i];
		else if (path || argv[i][0] == '-')
			die("map: unexpected '%s'", argv[i]);
		else
			path = argv[i];
	}
	if (!path)
		die("map: which device?");
	if (since > 255)
		die("--since: changes numbers go up to 255");
	if (!extents && !output && isatty(1))
		die("the raw map is binary: give --extents, or --output FILE, or redirect it");
	map = read_map(device_open(path, O_RDONLY), path, &info);
	if (output && !freopen(output, "w", stdout))
		die_errno(errno, "open", output, NULL);
	if (extents)
		print_extents(map, &info, since);
	else if (fwrite(map, 1, info.block_count, stdout) != info.block_count)
		die_errno(errno, "write", output ? output : "the map", NULL);
	free(map);
	return 0;
}
