// SPDX-License-Identifier: GPL-2.0
/*
 * every kind of write to a RAM disk marks exactly the blocks written; 6.1 refuses it, having ->rw_page
 * timeout: 180
 * kernels: 6.12 sanitizer
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	return track_all_kinds(sh("dev_brd 16"), NULL, 0);
}
