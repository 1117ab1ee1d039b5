// SPDX-License-Identifier: GPL-2.0
/*
 * every kind of write to a tracked md raid0 marks exactly the blocks written
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	return track_all_kinds(sh("dev_md 0 $(dev_null 16 discard=1) $(dev_null 16 discard=1)"), NULL, 0);
}
