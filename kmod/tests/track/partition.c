// SPDX-License-Identifier: GPL-2.0
/*
 * every kind of write to a tracked partition marks exactly the blocks written
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	return track_all_kinds(sh("d=$(dev_null 32 discard=1); partition $d 1:8 10:16; echo ${d}p2"),
			       NULL, 0);
}
