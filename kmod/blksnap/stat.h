/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_STAT_H
#define _BLKSNAP_STAT_H

#include <linux/atomic.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <uapi/linux/blksnap.h>

/**
 * struct latency_stat - how long writes waited for copies
 * @waits: how many did
 * @buckets: by log2 of the nanoseconds
 */
struct latency_stat {
	atomic64_t waits;
	atomic64_t buckets[BLKSNAP_LATENCY_BUCKETS];
};

static inline void latency_add(struct latency_stat *stat, u64 ns)
{
	unsigned int bucket = ns ? min(ilog2(ns), BLKSNAP_LATENCY_BUCKETS - 1) : 0;

	atomic64_inc(&stat->waits);
	atomic64_inc(&stat->buckets[bucket]);
}

void stat_init(void);
void stat_exit(void);

#endif /* _BLKSNAP_STAT_H */
