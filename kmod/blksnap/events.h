/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_EVENTS_H
#define _BLKSNAP_EVENTS_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <uapi/linux/blksnap.h>

/**
 * struct event - something that user space wants to know
 * @link: in the queue; empty if it is in none
 * @embedded: part of another object, which takes it out of the queue before it goes
 * @code: enum blksnap_event_codes
 * @time: CLOCK_REALTIME, ns
 * @data: by @code
 */
struct event {
	struct list_head link;
	bool embedded;
	u32 code;
	s64 time;
	union event_data {
		struct blksnap_event_corrupted corrupted;
		struct blksnap_event_no_space no_space;
		struct blksnap_event_watermark watermark;
		struct blksnap_event_changed changed;
		struct blksnap_event_resized resized;
		struct blksnap_event_removed removed;
	} data;
};

/**
 * struct event_queue - events of a snapshot, or for a subscriber to the devices'
 * @lock: protects what follows
 * @events: oldest first
 * @count: of them
 * @closed: whose events these are is gone
 * @lost: room for a BLKSNAP_EVENT_CODE_LOST
 * @wait: woken for each event and when closed
 */
struct event_queue {
	spinlock_t lock; /* what follows */
	struct list_head events;
	unsigned int count;
	bool closed;
	struct event lost;
	wait_queue_head_t wait;
};

void event_queue_init(struct event_queue *q);
void event_queue_close(struct event_queue *q);
void event_queue_clear(struct event_queue *q);
void event_queue_push(struct event_queue *q, struct event *ev, u32 code);
void event_queue_remove(struct event_queue *q, struct event *ev);
long event_queue_wait(struct event_queue *q, u32 timeout_ms,
		      struct blksnap_snapshot_event *out);
__poll_t event_queue_poll(struct event_queue *q);

/* Subscribers to the events of all devices. */
struct event_subscriber {
	struct list_head link;
	struct event_queue queue;
};

void event_subscribe(struct event_subscriber *sub);
void event_unsubscribe(struct event_subscriber *sub);

void event_device_changed(dev_t dev, u64 changed_bytes);
void event_device_resized(dev_t dev, u64 old_capacity, u64 new_capacity);
void event_device_removed(dev_t dev);

#endif /* _BLKSNAP_EVENTS_H */
