// SPDX-License-Identifier: GPL-2.0
/*
 * every kind of write to a tracked md raid1 marks exactly the blocks written
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	return track_all_kinds(sh("dev_md 1 $(dev_null 16) $(dev_null 16)"), NULL, 0);
}
