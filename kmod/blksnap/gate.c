// SPDX-License-Identifier: GPL-2.0
/*
 * One instant across devices: once the gates of a group are closed and nothing is
 * inside any of them, no write to any device of the group is under way.
 *
 * Most often they are closed all together. But of two devices that are stacked the
 * upper one may need the lower one for its writes to complete. If they do not
 * drain soon they are closed in turn, each drained before the next is closed. The
 * caller sorts by what it knows. What it does not know shows when a gate
 * does not drain in time: then all are opened, that one goes to the front, and
 * it is tried again.
 *
 * A task that submits to a lower device from inside the gate of an upper one is let
 * in always: the upper gate would wait for it. It is counted, so the hold
 * notices that it has to look again.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-mq.h>
#include <linux/jiffies.h>
#include <linux/sched/mm.h>
#include "gate.h"

/* For how long the writes to a group are held back at most, at one go. */
#define HOLD_LIMIT	(5 * HZ)
/* For how long if they are closed together. */
#define TOGETHER_LIMIT	(HZ / 2)

int gate_init(struct gate *gate)
{
	init_waitqueue_head(&gate->opened);
	init_waitqueue_head(&gate->left);
	gate->hold = NULL;
	gate->cpu = alloc_percpu(struct gate_cpu);
	return gate->cpu ? 0 : -ENOMEM;
}

void gate_exit(struct gate *gate)
{
	free_percpu(gate->cpu);
}

/**
 * gate_inside - writes inside
 * @gate: the gate
 *
 * Exact while it is closed: counters only fall then, so a sum of zero read from
 * one after the other is one of all together.
 *
 * Return: how many.
 */
long gate_inside(const struct gate *gate)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(gate->cpu, cpu)->inside);
	return sum;
}

bool gate_enter_slow(struct gate *gate, bool nowait)
{
	for (;;) {
		struct gate_hold *hold;

		rcu_read_lock();
		/* As in gate_enter(). */
		hold = smp_load_acquire(&gate->hold);
		if (!hold || gate_task_inside(hold)) {
			if (hold)
				atomic_inc(&hold->entered);
			/* Who sees it inside sees it counted. */
			smp_mb__after_atomic();
			this_cpu_inc(gate->cpu->inside);
			rcu_read_unlock();
			return true;
		}
		rcu_read_unlock();
		if (nowait)
			return false;
		wait_event(gate->opened, !READ_ONCE(gate->hold));
	}
}

static long time_left(unsigned long deadline)
{
	return max_t(long, deadline - jiffies, 1);
}

/* Whether what came in has left, and its requests are complete, for all of these. */
static struct gate_member *members_drain(struct list_head *first, struct list_head *end,
					 unsigned long deadline)
{
	struct gate_member *late = NULL, *m;
	struct list_head *p;

	for (p = first; p != end; p = p->next) {
		m = list_entry(p, struct gate_member, link);
		if (!wait_event_timeout(m->gate->left, !gate_inside(m->gate),
					time_left(deadline)))
			return m;
	}
	/* A queue that is frozen has been empty; each takes a while to freeze. */
	for (p = first; p != end; p = p->next) {
		m = list_entry(p, struct gate_member, link);
		if (m->queue)
			blk_freeze_queue_start(m->queue);
	}
	for (p = first; p != end; p = p->next) {
		m = list_entry(p, struct gate_member, link);
		if (m->queue && !late &&
		    blk_mq_freeze_queue_wait_timeout(m->queue, time_left(deadline)) <= 0)
			late = m;
	}
	for (p = first; p != end; p = p->next) {
		m = list_entry(p, struct gate_member, link);
		if (m->queue)
			blk_mq_unfreeze_queue(m->queue);
	}
	return late;
}

static void member_close(struct gate_hold *hold, struct gate_member *m)
{
	/* The hold is initialised before it is seen. */
	smp_store_release(&m->gate->hold, hold);
}

static bool hold_entered(struct gate_hold *hold)
{
	struct gate_member *m;

	list_for_each_entry(m, &hold->members, link)
		if (gate_inside(m->gate))
			return true;
	return false;
}

/* All gates are closed, but tasks inside one may have come into another. */
static struct gate_member *hold_settle(struct gate_hold *hold, unsigned long deadline)
{
	struct gate_member *late;
	int entered;

	do {
		entered = atomic_read(&hold->entered);
		/* Counted before it is inside, so looked at the other way round. */
		smp_rmb();
		if (entered || hold_entered(hold)) {
			late = members_drain(hold->members.next, &hold->members, deadline);
			if (late)
				return late;
		}
		/* If there are more by now it has to be done again. */
		smp_rmb();
	} while (entered != atomic_read(&hold->entered));
	return NULL;
}

/* The member that could not be drained in time, or NULL if all are closed. */
static struct gate_member *hold_together(struct gate_hold *hold)
{
	unsigned long deadline = jiffies + TOGETHER_LIMIT;
	struct gate_member *m, *late;

	atomic_set(&hold->entered, 0);
	list_for_each_entry(m, &hold->members, link)
		member_close(hold, m);
	synchronize_rcu_expedited();
	late = members_drain(hold->members.next, &hold->members, deadline);
	return late ?: hold_settle(hold, deadline);
}

static struct gate_member *hold_in_turn(struct gate_hold *hold)
{
	unsigned long deadline = jiffies + HOLD_LIMIT;
	struct gate_member *m;

	atomic_set(&hold->entered, 0);
	list_for_each_entry(m, &hold->members, link) {
		member_close(hold, m);
		synchronize_rcu_expedited();
		if (members_drain(&m->link, m->link.next, deadline))
			return m;
	}
	return hold_settle(hold, deadline);
}

/**
 * gate_hold_close - let no more writes in, and wait for those under way
 * @hold: the gates; may be put into another order
 *
 * The caller must not allocate memory in a way that waits for writes until
 * gate_hold_open().
 *
 * Return: 0 with all gates closed; -ETIMEDOUT with all of them open.
 */
int gate_hold_close(struct gate_hold *hold)
{
	struct gate_member *m, *late;
	int tries = 0;

	list_for_each_entry(m, &hold->members, link)
		tries++;
	if (!hold_together(hold))
		return 0;
	gate_hold_open(hold);
	while (tries--) {
		late = hold_in_turn(hold);
		if (!late)
			return 0;
		gate_hold_open(hold);
		/* Nothing above it is closed: it is just slow. */
		if (list_is_first(&late->link, &hold->members))
			break;
		list_move(&late->link, &hold->members);
	}
	return -ETIMEDOUT;
}

/**
 * gate_hold_open - let writes in again
 * @hold: the gates; nobody looks at it any more on return
 */
void gate_hold_open(struct gate_hold *hold)
{
	struct gate_member *m;

	list_for_each_entry(m, &hold->members, link) {
		/* Who finds it open sees what was changed while it was closed. */
		smp_store_release(&m->gate->hold, NULL);
		wake_up_all(&m->gate->opened);
	}
	/* The hold is on a stack, and looked at under RCU. */
	synchronize_rcu_expedited();
}
