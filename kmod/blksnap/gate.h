/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_GATE_H
#define _BLKSNAP_GATE_H

#include <linux/blkdev.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/wait.h>

struct gate_hold;

/**
 * struct gate_cpu - what writers count, for each CPU
 * @inside: writes that came in here less those that left here
 * @writes: writes seen
 * @sectors: sectors that they wrote
 */
struct gate_cpu {
	long inside;
	u64 writes;
	u64 sectors;
};

/**
 * struct gate - holds back the writes to one device for the instant of a take
 * @cpu: counters
 * @hold: closes the gate if not NULL
 * @opened: where those wait that came to a closed gate
 * @left: where the hold waits for those inside
 *
 * A write is inside from before it is marked until nothing of it can be
 * overlooked: until it was handed to a request-based driver, whose queue can be
 * drained; or until it has completed, on others.
 */
struct gate {
	struct gate_cpu __percpu *cpu;
	struct gate_hold *hold;
	wait_queue_head_t opened;
	wait_queue_head_t left;
};

int gate_init(struct gate *gate);
void gate_exit(struct gate *gate);
long gate_inside(const struct gate *gate);
bool gate_enter_slow(struct gate *gate, bool nowait);

/**
 * gate_enter - a write comes
 * @gate: of its device
 *
 * Return: true if it is inside; false if the gate is closed, then gate_enter_slow().
 */
static __always_inline bool gate_enter(struct gate *gate)
{
	bool open;

	/* An RCU reader: the hold waits for those that still saw the gate open. */
	preempt_disable();
	/* If it is open, then what the hold has changed is seen. */
	open = !smp_load_acquire(&gate->hold);
	if (likely(open))
		this_cpu_inc(gate->cpu->inside);
	preempt_enable();
	return open;
}

/**
 * gate_count - count a write that is going on
 * @gate: of its device
 * @sectors: that it writes
 */
static __always_inline void gate_count(struct gate *gate, sector_t sectors)
{
	struct gate_cpu __percpu *cpu = gate->cpu;

	this_cpu_inc(cpu->writes);
	this_cpu_add(cpu->sectors, sectors);
}

/**
 * gate_leave - a write that came in is out of reach or complete
 * @gate: of its device; any context. A gate is freed a grace period after it was
 *	empty, so that the caller has to be an RCU reader if nothing else keeps it
 */
static __always_inline void gate_leave(struct gate *gate)
{
	this_cpu_dec(gate->cpu->inside);
	if (unlikely(READ_ONCE(gate->hold)))
		wake_up(&gate->left);
}

/**
 * struct gate_hold - the gates of a group, closed together
 * @members: struct gate_member, in the order in which they are closed
 * @entered: writes that were let in though their gate was closed already
 */
struct gate_hold {
	struct list_head members;
	atomic_t entered;
};

/**
 * struct gate_member - a gate of a hold
 * @link: in the hold
 * @gate: the gate
 * @queue: to be drained of requests; NULL if writes stay inside until complete
 */
struct gate_member {
	struct list_head link;
	struct gate *gate;
	struct request_queue *queue;
};

int gate_hold_close(struct gate_hold *hold);
void gate_hold_open(struct gate_hold *hold);

/* Whether the current task is inside a gate of the hold; by the tracker. */
bool gate_task_inside(struct gate_hold *hold);

#endif /* _BLKSNAP_GATE_H */
