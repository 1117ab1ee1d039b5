// SPDX-License-Identifier: GPL-2.0
/*
 * a filter attached to the whole disk marks what is written to its partition and to itself (fault 26)
 * timeout: 180
 * long: sanitizer
 */
#include <fcntl.h>
#include <stdio.h>

#include "blksnap.h"
#include "track.h"

int main(void)
{
	struct blksnap_attach_opt whole = { .flags = BLKSNAP_ATTACH_WHOLE_DISK };
	const char *disk = sh("d=$(dev_null 32 discard=1); partition $d 1:8 10:16; echo $d");
	char part[64];
	int fd = open_dev(disk, O_RDONLY);

	must(bf_attach_opt(fd, BLKSNAP_FILTER_NAME, &whole, sizeof(whole)));
	snprintf(part, sizeof(part), "%sp2", disk);
	return track_all_kinds(disk, part, 10 << 20) | track_all_kinds(disk, NULL, 0);
}
