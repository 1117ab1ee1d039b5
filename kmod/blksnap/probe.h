/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_PROBE_H
#define _BLKSNAP_PROBE_H

struct bio;
struct diff_storage;
struct snapshot;
struct tracker;

int probe_storage(struct snapshot *snap);
void probe_free(struct diff_storage *s);
void probe_look(struct tracker *t, struct bio *bio);

#endif /* _BLKSNAP_PROBE_H */
