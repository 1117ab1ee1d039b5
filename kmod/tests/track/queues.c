// SPDX-License-Identifier: GPL-2.0
/*
 * every kind of write to a device of several queues, none of them scheduled, marks exactly the blocks written
 * timeout: 180
 * long: sanitizer
 */
#include "blksnap.h"
#include "track.h"

int main(void)
{
	return track_all_kinds(sh("dev_null 16 discard=1 submit_queues=2 no_sched=1"), NULL, 0);
}
