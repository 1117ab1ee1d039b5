// SPDX-License-Identifier: GPL-2.0
/*
 * snapshots of a mounted ext4 under load pass e2fsck as they are, and hold every file synced before
 * timeout: 300
 * long: sanitizer
 */
#include "files.h"
#include "source.h"

int main(void)
{
	static const struct file_system fs = {
		.name = "ext4",
		.mib = 48,
		.make = "mkfs.ext4 -q -J size=4 $d",
		.check = "e2fsck -fn $d >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }",
		.mount = "ro,noload",
	};

	file_system_under_load(&fs, repeats(2));
	return 0;
}
