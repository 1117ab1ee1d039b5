// SPDX-License-Identifier: GPL-2.0
/*
 * every kind of write to a device of 4 KiB sectors marks exactly the blocks written
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	return track_all_kinds(sh("dev_null 16 discard=1 blocksize=4096"), NULL, 0);
}
