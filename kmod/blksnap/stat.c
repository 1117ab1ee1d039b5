// SPDX-License-Identifier: GPL-2.0
/*
 * Figures for people: debugfs/blksnap/snapshots.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include "snapshot.h"
#include "stat.h"

static struct dentry *stat_dir;

static int snapshots_show(struct seq_file *m, void *v)
{
	snapshot_show_all(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(snapshots);

void __init stat_init(void)
{
	stat_dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("snapshots", 0400, stat_dir, NULL, &snapshots_fops);
}

void stat_exit(void)
{
	debugfs_remove_recursive(stat_dir);
}
