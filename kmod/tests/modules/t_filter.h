/* SPDX-License-Identifier: GPL-2.0 */
/* Interface of t_filter.ko: filters that count, for tests of the mechanism. */
#ifndef T_FILTER_H
#define T_FILTER_H

#include <linux/types.h>

#define T_FILTER_COUNT	"t-count"	/* sees all bios */
#define T_FILTER_WRITES	"t-writes"	/* sees writes only */

/* Option of an attach: __u32 flags. */
#define T_OPT_WHOLE_DISK	1

/* Commands. */
#define T_CMD_STAT	0	/* out: struct t_stat */
#define T_CMD_MODE	1	/* in: __u32 T_MODE_* bits */
#define T_CMD_CLEAR	2	/* zeroes counters and map */
#define T_CMD_MAP	3	/* out: __u8 per block of T_BLOCK bytes: writes that touched it */
#define T_CMD_SHORTEN	4	/* sets the length of its argument to 1 */
#define T_CMD_SLEEP	5	/* sleeps 300 ms inside the driver */

#define T_MODE_DELAY	1	/* every write sleeps a little */
#define T_MODE_OWN_BIO	2	/* reads what a write overwrites, by the driver's bio_set */
#define T_MODE_GUARD	4	/* the same by fs_bio_set and a guard */
#define T_MODE_LATER	8	/* writes are passed on by a worker */
#define T_MODE_STAY	16	/* prepare_detach says -EBUSY */
#define T_MODE_NOWAIT	32	/* REQ_NOWAIT writes get EAGAIN */

#define T_BLOCK		4096
#define T_BLOCKS	16384	/* 64 MiB; what is behind is not mapped */

struct t_stat {
	__u64 bios;
	__u64 writes;
	__u64 sectors;		/* of writes */
	__u64 discards;
	__u64 zeroes;
	__u64 flushes;
	__u64 fuas;
	__u64 nowaits;
	__u64 in_list;		/* came while current->bio_list was set: never */
	__u64 nested;		/* submitted while another filter passed a bio on */
	__u64 own;		/* reads by the driver */
	__u64 own_errors;
	__u64 outside;		/* bios not within the device: never */
};

#endif
