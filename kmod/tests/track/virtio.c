// SPDX-License-Identifier: GPL-2.0
/*
 * every kind of write to a virtio disk, with real discard and write-zeroes, marks exactly the blocks written
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	return track_all_kinds("/dev/vdc", NULL, 0);
}
