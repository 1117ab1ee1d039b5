/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_PARAMS_H
#define _BLKSNAP_PARAMS_H

#include <linux/types.h>

/*
 * Module parameters. Each is read once where a tracker or a snapshot is made, so
 * a new value is effective for the next one.
 */
unsigned int param_tracking_block_minimum_shift(void);
unsigned int param_tracking_block_maximum_shift(void);
unsigned int param_tracking_block_maximum_count(void);
unsigned int param_chunk_minimum_shift(void);
unsigned int param_chunk_maximum_shift(void);
unsigned int param_chunk_maximum_count_shift(void);
unsigned int param_chunk_maximum_in_queue(void);
unsigned int param_copy_unit_shift(void);
unsigned int param_diff_storage_minimum(void);

unsigned int param_block_shift(u64 bytes, unsigned int min_shift,
			       unsigned int max_shift, u64 max_count);

#endif /* _BLKSNAP_PARAMS_H */
