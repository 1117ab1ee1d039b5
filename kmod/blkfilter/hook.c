// SPDX-License-Identifier: GPL-2.0
/*
 * How a kernel without filters is made to call them: ftrace, as livepatch does.
 *
 * submit_bio_noacct_nocheck() is where all bios pass, after checks and throttling.
 * It is redirected only while a filter is attached. The redirection finds the
 * filter and puts it into the second argument, so the handler need not look for it.
 * The original function is entered behind its ftrace call site.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/static_call.h>
#include <linux/workqueue.h>
#include "blkfilter.h"
#include "compat.h"

#if !defined(CONFIG_X86_64) || !defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) || \
	!defined(CONFIG_KPROBES_ON_FTRACE)
#error "blkfilter.ko needs x86-64 with CONFIG_DYNAMIC_FTRACE_WITH_ARGS and CONFIG_KPROBES"
#endif

#define SUBMIT_FUNCTION		"submit_bio_noacct_nocheck"
#define HOOK_FLAGS	(FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | \
			 FTRACE_OPS_FL_DYNAMIC)

/* The hook stays for a while after the last detach: it is slow to put in. */
#define UNHOOK_DELAY	(2 * HZ)

/*
 * Bios.
 */

static void submit_original_unset(struct bio *bio)
{
	WARN_ON_ONCE(1);
	bio_io_error(bio);
}

DEFINE_STATIC_CALL(blkfilter_submit_original, submit_original_unset);

/* Sends a bio to a filter, unless that is being detached; under RCU. */
static __always_inline void submit_redirect(struct pt_regs *regs, struct blkfilter *flt)
{
	if (percpu_ref_tryget_live_rcu(&flt->ref)) {
		regs->si = (unsigned long)flt;
		regs->ip = (unsigned long)blkfilter_submit;
	}
}

/* The task is inside of a driver's ->submit_bio(), or may be inside of a filter. */
static noinline void notrace submit_nested(struct pt_regs *regs, struct blkfilter *flt)
{
	if (!blkfilter_skips(flt, (struct bio *)regs->di))
		submit_redirect(regs, flt);
}

/* Runs for every bio of every device while the submit path is hooked. */
static void notrace submit_callback(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops,
				    struct ftrace_regs *fregs)
{
	struct pt_regs *regs = compat_ftrace_regs(fregs);
	struct bio *bio = (struct bio *)regs->di;
	struct block_device *bdev = bio->bi_bdev;
	struct hlist_head *bucket = blkfilter_bucket(bdev);
	struct blkfilter *flt;

	if (likely(hlist_empty(bucket) && !READ_ONCE(blkfilters_whole_disk)))
		return;

	/* Code that is not preemptible is an RCU reader; lockdep is to know. */
	preempt_disable_notrace();
	rcu_lock_acquire(&rcu_lock_map);
	flt = blkfilter_find_in(bucket, bdev);
	if (likely(!flt))
		flt = blkfilter_find_whole(bdev);
	if (flt && blkfilter_wants(flt, bio)) {
		if (unlikely(blkfilter_nested()))
			submit_nested(regs, flt);
		else
			submit_redirect(regs, flt);
	}
	rcu_lock_release(&rcu_lock_map);
	preempt_enable_notrace();
}

static struct ftrace_ops submit_hook = {
	.func = submit_callback,
	.flags = HOOK_FLAGS,
};

/* Filters attached; the hook itself may outlast the last of them. */
static atomic_t submit_hook_users;
static DEFINE_MUTEX(submit_hook_lock);
static bool submit_hooked;

static int hook_register(struct ftrace_ops *hook, const char *what)
{
	int ret = register_ftrace_function(hook);

	if (ret == -EBUSY)
		pr_err("cannot hook %s: a live patch or another module has replaced it, or ftrace is off; unload the other, or set sysctl kernel.ftrace_enabled=1\n",
		       what);
	else if (ret)
		pr_err("cannot hook %s: error %d\n", what, ret);
	return ret;
}

/**
 * blkfilter_hook_submit_get - see to it that filters get their bios
 *
 * Return: 0; -EBUSY if someone else owns the place, or ftrace is switched off.
 */
int blkfilter_hook_submit_get(void)
{
	int ret = 0;

	atomic_inc(&submit_hook_users);
	mutex_lock(&submit_hook_lock);
	if (!submit_hooked) {
		ret = hook_register(&submit_hook, SUBMIT_FUNCTION);
		submit_hooked = !ret;
	}
	mutex_unlock(&submit_hook_lock);
	if (ret)
		atomic_dec(&submit_hook_users);
	return ret;
}

static void unhook_submit(struct work_struct *work)
{
	mutex_lock(&submit_hook_lock);
	if (submit_hooked && !atomic_read(&submit_hook_users)) {
		unregister_ftrace_function(&submit_hook);
		submit_hooked = false;
	}
	mutex_unlock(&submit_hook_lock);
}

static DECLARE_DELAYED_WORK(unhook_work, unhook_submit);

/**
 * blkfilter_hook_submit_put - one filter less
 *
 * The hook is taken out by a worker, and no lock is taken here: the caller may be
 * removing a disk, whose queue is frozen. Changing the kernel's text under that, or
 * waiting for someone who does, could wait for memory that only I/O can free.
 */
void blkfilter_hook_submit_put(void)
{
	if (atomic_dec_and_test(&submit_hook_users))
		mod_delayed_work(system_wq, &unhook_work, UNHOOK_DELAY);
}

/*
 * ioctls.
 */

/* Held by tasks inside the handler, which is code of this module. */
static struct percpu_ref ioctl_gate;
static DECLARE_COMPLETION(ioctl_gate_drained);

static long ioctl_handler(struct file *file, unsigned int cmd, unsigned long arg)
{
	long ret = blkfilter_ioctl(I_BDEV(file->f_mapping->host), cmd,
				   (void __user *)arg);

	percpu_ref_put(&ioctl_gate);
	return ret;
}

static void notrace ioctl_callback(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops,
				   struct ftrace_regs *fregs)
{
	struct pt_regs *regs = compat_ftrace_regs(fregs);

	if (unlikely(blkfilter_is_ioctl(regs->si)) &&
	    percpu_ref_tryget_live(&ioctl_gate))
		regs->ip = (unsigned long)ioctl_handler;
}

static struct ftrace_ops ioctl_hook = {
	.func = ioctl_callback,
	.flags = HOOK_FLAGS,
};

static void ioctl_gate_release(struct percpu_ref *ref)
{
	complete(&ioctl_gate_drained);
}

/*
 * Finding the places.
 */

/* Where a function continues behind its ftrace call site. */
static int find_original(const char *name)
{
	struct kprobe kp = {
		.symbol_name = name,
		.flags = KPROBE_FLAG_DISABLED,
	};
	int ret;

	ret = register_kprobe(&kp);
	if (ret) {
		pr_err("this kernel has no function %s that could be hooked (error %d); it is not supported\n",
		       name, ret);
		return ret;
	}
	if (kp.flags & KPROBE_FLAG_FTRACE) {
		static_call_update(blkfilter_submit_original,
				   (void *)(kp.addr + MCOUNT_INSN_SIZE));
	} else {
		pr_err("%s does not begin with an ftrace call site; this kernel is not supported\n",
		       name);
		ret = -EOPNOTSUPP;
	}
	unregister_kprobe(&kp);
	return ret;
}

static int set_hook_function(struct ftrace_ops *hook, const char *name)
{
	int ret = ftrace_set_filter(hook, (unsigned char *)name, strlen(name), 0);

	if (ret)
		pr_err("this kernel has no function %s that could be hooked (error %d); it is not supported\n",
		       name, ret);
	return ret;
}

static void free_hooks(void)
{
	ftrace_free_filter(&submit_hook);
	ftrace_free_filter(&ioctl_hook);
	percpu_ref_exit(&ioctl_gate);
}

/**
 * blkfilter_hook_init - begin to receive ioctls
 *
 * Return: 0 or a negative errno, with a message that says why.
 */
int blkfilter_hook_init(void)
{
	int ret;

	ret = find_original(SUBMIT_FUNCTION);
	if (ret)
		return ret;
	ret = percpu_ref_init(&ioctl_gate, ioctl_gate_release, 0, GFP_KERNEL);
	if (ret)
		return ret;
	ret = set_hook_function(&submit_hook, SUBMIT_FUNCTION);
	if (!ret)
		ret = set_hook_function(&ioctl_hook, "blkdev_ioctl");
	if (!ret && IS_ENABLED(CONFIG_COMPAT))
		ret = set_hook_function(&ioctl_hook, "compat_blkdev_ioctl");
	if (!ret)
		ret = hook_register(&ioctl_hook, "blkdev_ioctl");
	if (ret)
		free_hooks();
	return ret;
}

/**
 * blkfilter_hook_ioctl_exit - no ioctl arrives any more and none is inside
 */
void blkfilter_hook_ioctl_exit(void)
{
	unregister_ftrace_function(&ioctl_hook);
	percpu_ref_kill(&ioctl_gate);
	wait_for_completion(&ioctl_gate_drained);
}

/**
 * blkfilter_hook_exit - leave nothing behind
 *
 * All filters are detached.
 */
void blkfilter_hook_exit(void)
{
	cancel_delayed_work_sync(&unhook_work);
	unhook_submit(NULL);
	/* Tasks that have put their reference and not yet left our code. */
	synchronize_rcu_tasks();
	free_hooks();
}
