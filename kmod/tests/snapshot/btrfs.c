// SPDX-License-Identifier: GPL-2.0
/*
 * snapshots of a mounted btrfs under load pass btrfs check as they are, and hold every file synced before
 * timeout: 300
 * long: sanitizer
 */
#include "files.h"
#include "source.h"

int main(void)
{
	static const struct file_system fs = {
		.name = "btrfs",
		.mib = 160,
		.make = "mkfs.btrfs -q $d",
		.check = "btrfs check --readonly --force $d >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }",
		.mount = "ro",
		.alone = true,	/* both have the same UUID */
	};

	file_system_under_load(&fs, repeats(2));
	return 0;
}
