/* SPDX-License-Identifier: GPL-2.0 */
/* A percpu_ref without calls; code that is not preemptible is an RCU reader. */
#ifndef _BLKCAST_REF_H
#define _BLKCAST_REF_H

#include <linux/percpu-refcount.h>
#include <linux/preempt.h>

/* For who has a reference already, or knows that others last. */
static __always_inline void ref_get(struct percpu_ref *ref)
{
	unsigned long __percpu *count;

	preempt_disable();
	if (likely(__ref_is_percpu(ref, &count))) {
		this_cpu_inc(*count);
		preempt_enable();
	} else {
		preempt_enable();
		percpu_ref_get(ref);
	}
}

static __always_inline void ref_put(struct percpu_ref *ref)
{
	unsigned long __percpu *count;

	preempt_disable();
	if (likely(__ref_is_percpu(ref, &count))) {
		this_cpu_dec(*count);
		preempt_enable();
	} else {
		preempt_enable();
		percpu_ref_put(ref);
	}
}

#endif /* _BLKCAST_REF_H */
