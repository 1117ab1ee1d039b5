// SPDX-License-Identifier: GPL-2.0
/*
 * every kind of write to a bio-based driver marks exactly the blocks written
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	return track_all_kinds(sh("dev_null 16 queue_mode=0"), NULL, 0);
}
