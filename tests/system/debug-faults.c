// SPDX-License-Identifier: GPL-2.0
/*
 * A module that does what must not be done, one thing each time it is loaded, by a parameter,
 * and never stays. For tests/system/debug.sh, whose kernel has to complain of each.
 */
#include <linux/debug_locks.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

static char *what = "";
module_param(what, charp, 0);

static DEFINE_SPINLOCK(outer);
static DEFINE_SPINLOCK(inner);
static DEFINE_RAW_SPINLOCK(raw);
static DEFINE_RAW_SPINLOCK(of_irq);
static int __rcu *shared;

static void use_after_free(void)
{
	int *volatile p = kzalloc(64, GFP_KERNEL);

	kfree(p);
	if (p)
		pr_info("debug-faults: %d\n", READ_ONCE(*p));
}

static void sleep_in_atomic(void)
{
	spin_lock(&outer);
	kfree(kmalloc(64, GFP_KERNEL));
	spin_unlock(&outer);
}

static void no_read_lock(void)
{
	if (rcu_dereference(shared))
		pr_info("debug-faults: never\n");
}

static void timer_fires(struct timer_list *t)
{
}

static void free_running_timer(void)
{
	struct timer_list *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return;
	timer_setup(t, timer_fires, 0);
	mod_timer(t, jiffies + 1000 * HZ);
	/* The check ends the timer before the memory goes. */
	kfree(t);
}

static void add_twice(void)
{
	LIST_HEAD(head);
	LIST_HEAD(entry);

	list_add(&entry, &head);
	list_add(&entry, &head);
}

/* Where spinlocks sleep (PREEMPT_RT) this does. */
static void wrong_nesting(void)
{
	raw_spin_lock(&raw);
	spin_lock(&outer);
	spin_unlock(&outer);
	raw_spin_unlock(&raw);
}

static void inverted_order(void)
{
	spin_lock(&outer);
	spin_lock(&inner);
	spin_unlock(&inner);
	spin_unlock(&outer);
	spin_lock(&inner);
	spin_lock(&outer);
	spin_unlock(&outer);
	spin_unlock(&inner);
}

static void lock_in_irq(void *unused)
{
	raw_spin_lock(&of_irq);
	raw_spin_unlock(&of_irq);
}

static void irqs_on_and_off(void)
{
	/* With interrupts on here; of another CPU, in its interrupt. */
	lock_in_irq(NULL);
	smp_call_function_single(cpumask_any_but(cpu_online_mask, raw_smp_processor_id()),
				 lock_in_irq, NULL, 1);
}

static const struct {
	const char *name;
	void (*run)(void);
} faults[] = {
	{ "free", use_after_free },
	{ "sleep", sleep_in_atomic },
	{ "rcu", no_read_lock },
	{ "timer", free_running_timer },
	{ "list", add_twice },
	{ "nesting", wrong_nesting },
	{ "order", inverted_order },
	{ "irq", irqs_on_and_off },
};

static int __init debug_faults_init(void)
{
	unsigned int i;

	/* A report of lockdep's switches it off. */
	debug_locks = 1;
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(what, faults[i].name) == 0)
			faults[i].run();
	}
	return -ECANCELED;
}
module_init(debug_faults_init);

MODULE_DESCRIPTION("Faults that a debug kernel has to find");
MODULE_LICENSE("GPL");
