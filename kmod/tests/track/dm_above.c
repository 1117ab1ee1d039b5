// SPDX-License-Identifier: GPL-2.0
/*
 * what a dm device above the tracked one writes, at an offset, is marked exactly
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	const char *disk = sh("dev_null 32 discard=1");

	return track_all_kinds(disk, sh("dm_linear above %s 4104 32768", disk), 4104 * 512);
}
