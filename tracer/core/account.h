/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The time account of one vCPU: where the wall time of the thread that runs it goes. Plain C,
 * shared by the BPF programs, which feed it with events, and by user space, which closes the open
 * interval when it reads.
 *
 * There is one clock, and at any time one state; every event books the time since the event before
 * it to the state that it ends. So nothing is counted twice, and the parts add up to the time from
 * the first event to the last. A state has layers, the topmost counts: off the CPU; in an interrupt
 * of the host; in the guest, in KVM, or in the VMM's user space. A layer that ends uncovers the one
 * below, which is why an interrupt taken in KVM, or preemption in it, needs no special case. Nor
 * does a kernel that reports an exit only after it has served the interrupt that caused it (VMX in
 * 5.10, SVM in 6.1; in 6.12 both report it before): there the interrupt lies on top of the guest,
 * here on top of handling, and its time is the host's either way.
 *
 * Hard is what is known only later. (1) A sleeping thread is woken by another CPU, at any time: it
 * only leaves the time of the wake-up, and the switch to the thread divides what has passed into
 * asleep and waiting for a CPU. (2) KVM says after a halt how long it polled: until then that time
 * is KVM's, and account_poll() moves it, less what interrupts and other threads took of it.
 */
#ifndef EXITLAB_ACCOUNT_H
#define EXITLAB_ACCOUNT_H

#include "core/reason_class.h"

/* Kinds of time; indexes of account.ns. A power of two, so that a mask bounds an index. */
enum account_kind {
	ACCOUNT_GUEST,
	ACCOUNT_POLL,		/* in KVM, polling for a reason to end a halt */
	ACCOUNT_BLOCKED,	/* asleep in KVM after a halt exit: waiting for an interrupt */
	ACCOUNT_SLEEP,		/* asleep elsewhere: memory, locks, the VMM's own waits */
	ACCOUNT_RUNQUEUE,	/* could run, but the CPU ran others */
	ACCOUNT_HOST_IRQ,	/* handlers of the host's interrupts on top of the thread */
	ACCOUNT_KERNEL = 8,	/* + class: KVM handles an exit */
	ACCOUNT_USER = 16,	/* + class: the VMM does */
	NR_ACCOUNT = 32
};

enum account_place { IN_GUEST, IN_KERNEL, IN_USER };
enum account_off { ON_CPU, OFF_RUNNABLE, OFF_ASLEEP };

typedef unsigned long long account_u64;

/* Times in ns of one clock (CLOCK_MONOTONIC). All zero = not begun. */
struct account {
	account_u64 ns[NR_ACCOUNT];
	account_u64 ts;		/* everything before is booked */
	account_u64 woken;	/* last wake-up; written by any CPU, alone of all members */
	account_u64 start;	/* first event */
	account_u64 end;	/* no thread runs it since; 0 = one does */
	account_u64 gone_ns;	/* how long none did, between two that did */
	account_u64 halt_cpu_ns, halt_lost_ns;	/* in KVM since the exit, before sleep: see (2) */
	unsigned int place, class, off;
	unsigned int irq_depth;	/* interrupts and soft interrupts under way */
	unsigned int slept;	/* asleep since the exit */
	unsigned int pad;
	/* What did not fit; nothing of it is dropped from the sums. */
	account_u64 unmatched_entries, unmatched_exits, unmatched_irqs;
	account_u64 unseen_wakeups;	/* ran again after sleep, without a wake-up in between */
	account_u64 back_ns;	/* sum of steps back of the clock: booked as 0 */
};

/* What the time that passes now belongs to. */
static inline unsigned int account_kind(const struct account *a)
{
	if (a->off == OFF_RUNNABLE)
		return ACCOUNT_RUNQUEUE;
	if (a->off == OFF_ASLEEP)
		return a->place == IN_KERNEL && a->class == CLASS_HALT ? ACCOUNT_BLOCKED :
								      ACCOUNT_SLEEP;
	if (a->irq_depth)
		return ACCOUNT_HOST_IRQ;
	if (a->place == IN_GUEST)
		return ACCOUNT_GUEST;
	return ((a->place == IN_KERNEL ? ACCOUNT_KERNEL : ACCOUNT_USER) + a->class) &
	       (NR_ACCOUNT - 1);
}

/* Books the time up to @now. */
static inline void account_charge(struct account *a, account_u64 now)
{
	unsigned int kind = account_kind(a);
	account_u64 d, woken, wait;

	if (now < a->ts) {	/* clocks of two CPUs, by a little */
		a->back_ns += a->ts - now;
		return;
	}
	d = now - a->ts;
	if (a->off == OFF_ASLEEP) {
		woken = a->woken;
		if (woken > a->ts && woken <= now) {
			wait = now - woken;
			a->ns[ACCOUNT_RUNQUEUE] += wait;
			d -= wait;
		}
	} else if (a->place == IN_KERNEL && !a->slept) {
		if (kind == ACCOUNT_RUNQUEUE || kind == ACCOUNT_HOST_IRQ)
			a->halt_lost_ns += d;
		else
			a->halt_cpu_ns += d;
	}
	a->ns[kind & (NR_ACCOUNT - 1)] += d;
	a->ts = now;
}

static inline void account_new_handling(struct account *a)
{
	a->halt_cpu_ns = a->halt_lost_ns = 0;
	a->slept = 0;
}

/* The thread makes an event of KVM's: it has a CPU, and no interrupt is under way. */
static inline void account_running(struct account *a, account_u64 now)
{
	account_charge(a, now);
	a->unmatched_irqs += a->irq_depth;
	a->irq_depth = 0;
	a->off = ON_CPU;
}

/* kvm_entry of a vCPU that no thread ran until now: the first, or the first of another thread. */
static inline void account_begin(struct account *a, account_u64 now)
{
	if (!a->start)
		a->start = now;
	else if (a->end && now > a->end)
		a->gone_ns += now - a->end;
	a->end = 0;
	a->ts = now;
	a->place = IN_GUEST;
	a->off = ON_CPU;
	a->irq_depth = 0;
	account_new_handling(a);
}

/* The thread has ended, or runs another vCPU from now on. */
static inline void account_end(struct account *a, account_u64 now)
{
	account_charge(a, now);
	a->end = a->ts;
}

/* kvm_entry */
static inline void account_entry(struct account *a, account_u64 now)
{
	account_running(a, now);
	a->unmatched_entries += a->place == IN_GUEST;
	a->place = IN_GUEST;
}

/* kvm_exit; @class < NR_REASON_CLASSES */
static inline void account_exit(struct account *a, account_u64 now, unsigned int class)
{
	account_running(a, now);
	a->unmatched_exits += a->place != IN_GUEST;
	a->place = IN_KERNEL;
	a->class = class;
	account_new_handling(a);
}

/* kvm_userspace_exit: KVM_RUN returns. */
static inline void account_to_user(struct account *a, account_u64 now)
{
	account_running(a, now);
	a->place = IN_USER;
}

/* kvm_fpu(load): KVM_RUN begins. It is still for the exit that went to user space. */
static inline void account_to_kernel(struct account *a, account_u64 now)
{
	if (a->place != IN_USER)
		return;
	account_running(a, now);
	a->place = IN_KERNEL;
	account_new_handling(a);
}

/* kvm_vcpu_wakeup: a halt is over, of which KVM says that it polled for @poll_ns. */
static inline void account_poll(struct account *a, account_u64 now, account_u64 poll_ns)
{
	unsigned int kind = (ACCOUNT_KERNEL + a->class) & (NR_ACCOUNT - 1);

	account_running(a, now);
	if (a->place != IN_KERNEL)
		return;
	poll_ns = poll_ns > a->halt_lost_ns ? poll_ns - a->halt_lost_ns : 0;
	if (poll_ns > a->halt_cpu_ns)
		poll_ns = a->halt_cpu_ns;
	a->ns[kind] -= poll_ns;
	a->ns[ACCOUNT_POLL] += poll_ns;
	account_new_handling(a);
}

/* sched_switch away from the thread. */
static inline void account_switch_out(struct account *a, account_u64 now, int asleep)
{
	account_charge(a, now);
	a->off = asleep ? OFF_ASLEEP : OFF_RUNNABLE;
	a->slept |= asleep;
}

/* sched_switch to it. */
static inline void account_switch_in(struct account *a, account_u64 now)
{
	a->unseen_wakeups += a->off == OFF_ASLEEP && a->woken <= a->ts;
	account_charge(a, now);
	a->off = ON_CPU;
}

static inline void account_irq_enter(struct account *a, account_u64 now)
{
	account_charge(a, now);
	a->irq_depth++;
}

static inline void account_irq_exit(struct account *a, account_u64 now)
{
	account_charge(a, now);
	if (a->irq_depth)
		a->irq_depth--;
	else
		a->unmatched_irqs++;	/* the tracer came in the middle */
}

/* Sum of all kinds. */
static inline account_u64 account_sum(const struct account *a)
{
	account_u64 sum = 0;
	int i;

	for (i = 0; i < NR_ACCOUNT; i++)
		sum += a->ns[i];
	return sum;
}

#endif
