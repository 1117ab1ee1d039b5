// SPDX-License-Identifier: GPL-2.0
/*
 * every kind of write to a tracked dm device of two segments marks exactly the blocks written
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	const char *disk = sh("dev_null 32 discard=1");

	/* The second half first: a sector of the mapping is nowhere that of the disk. */
	return track_all_kinds(sh("printf '0 16384 linear %s 40000\\n16384 16384 linear %s 8\\n' |"
				  "dmsetup create --noudevsync two; dmsetup mknodes; echo /dev/mapper/two",
				  disk, disk), NULL, 0);
}
