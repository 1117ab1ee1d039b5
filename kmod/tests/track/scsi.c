// SPDX-License-Identifier: GPL-2.0
/*
 * every kind of write to a SCSI disk with UNMAP and WRITE SAME marks exactly the blocks written
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	return track_all_kinds(sh("dev_scsi 16 lbpu=1 lbpws=1 lbpws10=1"), NULL, 0);
}
