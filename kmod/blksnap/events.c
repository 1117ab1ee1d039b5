// SPDX-License-Identifier: GPL-2.0
/*
 * Queues of events. Those of a snapshot are embedded in the objects they tell of,
 * so that none is lost for want of memory; each of them happens once. Those of
 * devices are copied to the bounded queue of each subscriber.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ktime.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include "events.h"

/* Of a subscriber; what comes later is dropped, and told of as lost. */
#define SUBSCRIBER_EVENTS_MAX	1024

static DEFINE_SPINLOCK(subscribers_lock);
static LIST_HEAD(subscribers);

void event_queue_init(struct event_queue *q)
{
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->events);
	q->count = 0;
	q->closed = false;
	INIT_LIST_HEAD(&q->lost.link);
	q->lost.embedded = true;
	init_waitqueue_head(&q->wait);
}

/* Those who wait get an error, now and later. */
void event_queue_close(struct event_queue *q)
{
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	q->closed = true;
	spin_unlock_irqrestore(&q->lock, flags);
	wake_up_all(&q->wait);
}

void event_queue_clear(struct event_queue *q)
{
	struct event *ev, *next;

	list_for_each_entry_safe(ev, next, &q->events, link) {
		list_del_init(&ev->link);
		if (!ev->embedded)
			kfree(ev);
	}
	q->count = 0;
}

static void queue_add(struct event_queue *q, struct event *ev, u32 code)
{
	ev->code = code;
	ev->time = ktime_get_real_ns();
	list_add_tail(&ev->link, &q->events);
	q->count++;
}

/**
 * event_queue_push - queue an event that is embedded in another object
 * @q: the queue
 * @ev: the event with its data; nothing happens if it is queued already
 * @code: enum blksnap_event_codes
 */
void event_queue_push(struct event_queue *q, struct event *ev, u32 code)
{
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	if (list_empty(&ev->link)) {
		ev->embedded = true;
		queue_add(q, ev, code);
	}
	spin_unlock_irqrestore(&q->lock, flags);
	wake_up_all(&q->wait);
}

/**
 * event_queue_remove - take an event out that nobody has asked for
 * @q: the queue
 * @ev: embedded in an object that is going; it may be in no queue
 */
void event_queue_remove(struct event_queue *q, struct event *ev)
{
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	if (!list_empty(&ev->link)) {
		list_del_init(&ev->link);
		q->count--;
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

static size_t event_data_size(u32 code)
{
	switch (code) {
	case BLKSNAP_EVENT_CODE_CORRUPTED:
		return sizeof(struct blksnap_event_corrupted);
	case BLKSNAP_EVENT_CODE_NO_SPACE:
		return sizeof(struct blksnap_event_no_space);
	case BLKSNAP_EVENT_CODE_WATERMARK:
		return sizeof(struct blksnap_event_watermark);
	case BLKSNAP_EVENT_CODE_CHANGED:
		return sizeof(struct blksnap_event_changed);
	case BLKSNAP_EVENT_CODE_RESIZED:
		return sizeof(struct blksnap_event_resized);
	case BLKSNAP_EVENT_CODE_REMOVED:
		return sizeof(struct blksnap_event_removed);
	}
	return 0;
}

/* 1 if an event was taken, 0 if there is none, -ESRCH if none will ever come. */
static int queue_take(struct event_queue *q, struct blksnap_snapshot_event *out)
{
	struct event *ev;
	int ret = 0;

	spin_lock_irq(&q->lock);
	if (q->closed) {
		ret = -ESRCH;
	} else if (!list_empty(&q->events)) {
		ev = list_first_entry(&q->events, struct event, link);
		list_del_init(&ev->link);
		q->count--;
		out->code = ev->code;
		out->time_label = ev->time;
		memcpy(out->data, &ev->data, event_data_size(ev->code));
		if (!ev->embedded)
			kfree(ev);
		ret = 1;
	}
	spin_unlock_irq(&q->lock);
	return ret;
}

/**
 * event_queue_wait - take the oldest event, or wait for one
 * @q: the queue
 * @timeout_ms: milliseconds to wait at most
 * @out: takes code, time and data; its data must be zeroed
 *
 * Return: 0; -ENOENT nothing in time, -EINTR a signal came, -ESRCH the queue was
 * closed.
 */
long event_queue_wait(struct event_queue *q, u32 timeout_ms,
		      struct blksnap_snapshot_event *out)
{
	long left;
	int ret = 0;

	left = wait_event_interruptible_timeout(q->wait,
						(ret = queue_take(q, out)) != 0,
						msecs_to_jiffies(timeout_ms));
	if (ret < 0)
		return ret;
	if (ret > 0)
		return 0;
	return left < 0 ? -EINTR : -ENOENT;
}

__poll_t event_queue_poll(struct event_queue *q)
{
	__poll_t mask = 0;

	spin_lock_irq(&q->lock);
	if (q->closed)
		mask = EPOLLHUP | EPOLLERR;
	else if (!list_empty(&q->events))
		mask = EPOLLIN | EPOLLRDNORM | EPOLLPRI;
	spin_unlock_irq(&q->lock);
	return mask;
}

/*
 * Events of devices.
 */

void event_subscribe(struct event_subscriber *sub)
{
	event_queue_init(&sub->queue);
	spin_lock_irq(&subscribers_lock);
	list_add_tail(&sub->link, &subscribers);
	spin_unlock_irq(&subscribers_lock);
}

void event_unsubscribe(struct event_subscriber *sub)
{
	spin_lock_irq(&subscribers_lock);
	list_del(&sub->link);
	spin_unlock_irq(&subscribers_lock);
	event_queue_clear(&sub->queue);
}

static void subscriber_push(struct event_queue *q, const struct event *model, u32 code)
{
	struct event *ev = NULL;

	spin_lock(&q->lock);
	if (q->count < SUBSCRIBER_EVENTS_MAX)
		ev = kmalloc(sizeof(*ev), GFP_ATOMIC | __GFP_NOWARN);
	if (ev) {
		*ev = *model;
		ev->embedded = false;
		queue_add(q, ev, code);
	} else if (list_empty(&q->lost.link)) {
		queue_add(q, &q->lost, BLKSNAP_EVENT_CODE_LOST);
	}
	spin_unlock(&q->lock);
	wake_up_all(&q->wait);
}

static void event_device(const struct event *model, u32 code)
{
	struct event_subscriber *sub;
	unsigned long flags;

	spin_lock_irqsave(&subscribers_lock, flags);
	list_for_each_entry(sub, &subscribers, link)
		subscriber_push(&sub->queue, model, code);
	spin_unlock_irqrestore(&subscribers_lock, flags);
}

void event_device_changed(dev_t dev, u64 changed_bytes)
{
	struct event ev = {
		.data.changed = {
			.dev_id_mj = MAJOR(dev),
			.dev_id_mn = MINOR(dev),
			.changed_bytes = changed_bytes,
		},
	};

	event_device(&ev, BLKSNAP_EVENT_CODE_CHANGED);
}

void event_device_resized(dev_t dev, u64 old_capacity, u64 new_capacity)
{
	struct event ev = {
		.data.resized = {
			.dev_id_mj = MAJOR(dev),
			.dev_id_mn = MINOR(dev),
			.old_capacity = old_capacity,
			.new_capacity = new_capacity,
		},
	};

	event_device(&ev, BLKSNAP_EVENT_CODE_RESIZED);
}

void event_device_removed(dev_t dev)
{
	struct event ev = {
		.data.removed = {
			.dev_id_mj = MAJOR(dev),
			.dev_id_mn = MINOR(dev),
		},
	};

	event_device(&ev, BLKSNAP_EVENT_CODE_REMOVED);
}
