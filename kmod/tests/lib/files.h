/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TEST_FILES_H
#define TEST_FILES_H

#include <stdbool.h>

/*
 * A file system under load. Threads make files, sync them, rename some and delete
 * old ones while snapshots are taken; each image has to pass the check as it is,
 * and mounted it has to hold every file that had been synced before the take.
 */
struct file_system {
	const char *name;	/* as for mount */
	unsigned int mib;	/* size of the device */
	const char *make;	/* shell: makes it on $d */
	const char *check;	/* shell: checks image $d without changing it, NULL: none */
	const char *mount;	/* options for the image */
	const char *check_after; /* shell: checks $d after it was mounted and unmounted, NULL: none */
	bool alone;		/* cannot be mounted beside its source */
};

void file_system_under_load(const struct file_system *fs, unsigned int rounds);

#endif
