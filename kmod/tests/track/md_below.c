// SPDX-License-Identifier: GPL-2.0
/*
 * what a raid1 writes to its tracked member is marked exactly
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	const char *member = sh("dev_null 16");

	return track_all_kinds(member, sh("modprobe raid1; mdadm --build /dev/md0 --quiet --run --assume-clean "
					  "--level=1 --raid-devices=2 %s $(dev_null 16) >/dev/null 2>&1;"
					  "wait_node /dev/md0; echo /dev/md0", member), 0);
}
