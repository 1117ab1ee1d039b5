// SPDX-License-Identifier: GPL-2.0
/* Takes the function that blkfilter hooks, as a live patch would. */
#include <linux/ftrace.h>
#include <linux/module.h>

#ifdef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
static void notrace nothing(unsigned long ip, unsigned long parent_ip,
			    struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
}

static struct ftrace_ops hook = {
	.func = nothing,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_DYNAMIC,
};

static int __init t_init(void)
{
	static const char name[] = "submit_bio_noacct_nocheck";
	int ret = ftrace_set_filter(&hook, (unsigned char *)name,
				    sizeof(name) - 1, 0);

	if (!ret)
		ret = register_ftrace_function(&hook);
	if (ret)
		ftrace_free_filter(&hook);
	return ret;
}

static void __exit t_exit(void)
{
	unregister_ftrace_function(&hook);
	ftrace_free_filter(&hook);
}

module_init(t_init);
module_exit(t_exit);
#endif
MODULE_DESCRIPTION("Stands for a live patch, for tests");
MODULE_LICENSE("GPL");
