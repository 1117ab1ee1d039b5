// SPDX-License-Identifier: GPL-2.0
/*
 * writes that the queue splits into 4 KiB requests mark exactly the blocks written
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	return track_all_kinds(sh("dev_null 16 max_sectors=8"), NULL, 0);
}
