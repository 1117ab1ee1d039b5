// SPDX-License-Identifier: GPL-2.0
/*
 * snapshots of a mounted xfs under load pass xfs_repair -n after their log was replayed, and hold every file synced before
 * timeout: 300
 * long: sanitizer
 */
#include "files.h"
#include "source.h"

int main(void)
{
	static const struct file_system fs = {
		.name = "xfs",
		.mib = 320,
		.make = "mkfs.xfs -q $d",
		.mount = "nouuid",	/* writable, so that the log is replayed: onto the image */
		.check_after = "xfs_repair -n $d >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }",
	};

	file_system_under_load(&fs, repeats(2));
	return 0;
}
