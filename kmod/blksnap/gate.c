// SPDX-License-Identifier: GPL-2.0
/*
 * One instant across devices: the gates of a group are closed one after the other,
 * each drained before the next is closed; once all are closed and nothing is
 * inside any of them, no write to any device of the group is under way.
 *
 * Of two devices that are stacked the upper one has to be closed first: its writes
 * need the lower one to complete. The caller sorts by what it knows. What it does
 * not know shows when a gate does not drain in time; then all are opened,
 * that one goes to the front, and it is tried again.
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
		hold = smp_load_acquire(&gate->hold);
		if (!hold || gate_task_inside(hold)) {
			/* In this order: who sees it inside sees it counted. */
			if (hold)
				atomic_inc(&hold->entered);
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

static bool queue_drain(struct request_queue *q, long timeout)
{
	int ret;

	blk_freeze_queue_start(q);
	ret = blk_mq_freeze_queue_wait_timeout(q, timeout);
	blk_mq_unfreeze_queue(q);
	return ret > 0;
}

static bool member_drain(struct gate_member *m, unsigned long deadline)
{
	long left = max_t(long, deadline - jiffies, 1);

	if (!wait_event_timeout(m->gate->left, !gate_inside(m->gate), left))
		return false;
	if (!m->queue)
		return true;
	left = max_t(long, deadline - jiffies, 1);
	return queue_drain(m->queue, left);
}

/* The member that could not be drained in time, or NULL if all are closed. */
static struct gate_member *hold_try(struct gate_hold *hold)
{
	unsigned long deadline = jiffies + HOLD_LIMIT;
	struct gate_member *m;
	int entered;

	atomic_set(&hold->entered, 0);
	list_for_each_entry(m, &hold->members, link) {
		smp_store_release(&m->gate->hold, hold);
		synchronize_rcu_expedited();
		if (!member_drain(m, deadline))
			return m;
	}
	do {
		entered = atomic_read(&hold->entered);
		smp_rmb();
		list_for_each_entry(m, &hold->members, link)
			if ((entered || gate_inside(m->gate)) &&
			    !member_drain(m, deadline))
				return m;
		smp_rmb();
	} while (entered != atomic_read(&hold->entered));
	return NULL;
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
	while (tries--) {
		late = hold_try(hold);
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
		smp_store_release(&m->gate->hold, NULL);
		wake_up_all(&m->gate->opened);
	}
	/* The hold is on a stack, and looked at under RCU. */
	synchronize_rcu_expedited();
}
