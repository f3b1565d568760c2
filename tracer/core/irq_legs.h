/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way of an interrupt through KVM, for one vector of one vCPU: accepted by the virtual APIC,
 * injected, entered into the guest, completed (EOI). Plain C, shared by the BPF programs and the
 * unit tests; the programs keep one struct irq_flow per (vCPU, vector).
 *
 * The hard part is that an APIC holds one interrupt per vector and says nothing of its identity.
 * One that is accepted while another of its vector waits is merged with it (coalesced): the bit in
 * the interrupt request register (IRR) tells, and the time of the first is kept. But a new one can
 * be accepted between the moment KVM takes the first out of the IRR and the moment it says so
 * (kvm_inj_virq), so two times can be outstanding; an APIC that is reset, or hardware that takes
 * interrupts by itself, drops them without a word. Hence a ring of two, and the IRR as the judge of
 * how many of them are real.
 */
#ifndef EXITLAB_IRQ_LEGS_H
#define EXITLAB_IRQ_LEGS_H

#include "core/hist.h"

/* Legs, each with a histogram of its own. */
enum irq_leg {
	IRQ_LEG_HOST,		/* begin of the host's handler -> accepted in it */
	IRQ_LEG_HOST_WORK,	/* the same by way of a work item: a lower bound */
	IRQ_LEG_INJECT,		/* accepted -> injected */
	IRQ_LEG_ENTRY,		/* injected -> entry into the guest */
	IRQ_LEG_EOI,		/* entry -> EOI that exited */
	IRQ_LEG_EOI_PV,		/* entry -> paravirtual EOI noticed: an upper bound */
	IRQ_NR_LEGS
};

/* Who made KVM accept it. */
enum irq_source {
	IRQ_FROM_DEVICE,	/* handler of a host interrupt of VFIO */
	IRQ_FROM_DEVICE_WORK,	/* work item behind such a handler */
	IRQ_FROM_VHOST,		/* vhost worker */
	IRQ_FROM_USER,		/* the VMM, outside KVM_RUN */
	IRQ_FROM_TIMER,		/* the APIC's own timer */
	IRQ_FROM_IPI,		/* a vCPU of the same VM, inside KVM_RUN */
	IRQ_FROM_OTHER,
	IRQ_NR_SOURCES
};

enum irq_where { IRQ_IDLE, IRQ_INJECTED, IRQ_ENTERED };

enum irq_result {
	IRQ_UNTIMED,		/* happened, without the station before it: no time */
	IRQ_TIMED,		/* *@ns is the time since the station before it */
	IRQ_AGAIN,		/* the same interrupt once more: no time, no new interrupt */
};

struct irq_flow {
	hist_u64 accepted_at[2];
	hist_u64 injected_at, entered_at;
	unsigned int fresh;	/* accepted and not coalesced; modulo 2^32, as the next */
	unsigned int taken;	/* of these, injected or given up */
	unsigned int where;	/* enum irq_where */
	unsigned int again;	/* its entry has been timed before */
};

static inline hist_u64 irq_since(hist_u64 then, hist_u64 now)
{
	/* Clocks of two CPUs may disagree by a little. */
	return now > then ? now - then : 0;
}

/* Accepted at @now; @pending: its bit in the IRR was set already. 1 = fresh, 0 = coalesced. */
static inline int irq_accept(struct irq_flow *f, hist_u64 now, int pending)
{
	if (pending)
		return 0;
	f->accepted_at[f->fresh & 1] = now;
	f->fresh++;
	return 1;
}

/* How many accepted times wait for their injection. */
static inline unsigned int irq_waiting(const struct irq_flow *f)
{
	return f->fresh - f->taken;
}

/*
 * Injected at @now. @again: KVM says it is another attempt of the last one. @pending: the bit in
 * the IRR is set now, that is, one more waits behind it; needed only if irq_waiting() > 1.
 */
static inline enum irq_result irq_inject(struct irq_flow *f, hist_u64 now, int again, int pending,
					 hist_u64 *ns)
{
	unsigned int n = irq_waiting(f);

	*ns = 0;
	if (again) {
		f->again |= f->where == IRQ_ENTERED;
		if (f->where == IRQ_IDLE)
			f->injected_at = now;
		f->where = IRQ_INJECTED;
		return IRQ_AGAIN;
	}
	f->where = IRQ_INJECTED;
	f->injected_at = now;
	f->again = 0;
	if (!n)
		return IRQ_UNTIMED;
	/* The newest, or the one before it if the newest still waits; older ones were dropped. */
	if (n > 1)
		f->taken = f->fresh - (pending ? 2 : 1);
	*ns = irq_since(f->accepted_at[f->taken & 1], now);
	f->taken++;
	return IRQ_TIMED;
}

/* An entry of the vCPU for which this vector was the last one injected. */
static inline enum irq_result irq_entry(struct irq_flow *f, hist_u64 now, hist_u64 *ns)
{
	*ns = 0;
	if (f->where != IRQ_INJECTED)
		return IRQ_UNTIMED;
	f->where = IRQ_ENTERED;
	f->entered_at = now;
	if (f->again)
		return IRQ_AGAIN;
	*ns = irq_since(f->injected_at, now);
	return IRQ_TIMED;
}

/* Completed. IRQ_UNTIMED: it was injected before anybody looked, or by hardware. */
static inline enum irq_result irq_eoi(struct irq_flow *f, hist_u64 now, hist_u64 *ns)
{
	enum irq_result r = f->where == IRQ_ENTERED ? IRQ_TIMED : IRQ_UNTIMED;

	*ns = r == IRQ_TIMED ? irq_since(f->entered_at, now) : 0;
	if (r == IRQ_TIMED)
		f->where = IRQ_IDLE;
	return r;
}

/* Hardware (APICv, AVIC) took what was accepted last: no injection will follow. */
static inline void irq_hardware(struct irq_flow *f)
{
	f->taken = f->fresh;
}

#ifndef __bpf__
/* One leg; zero-initialised = nothing measured. All times in ns. */
struct irq_leg_stat {
	uint64_t n, total_ns, min_ns, max_ns;	/* min, max: 0 when n == 0 */
	struct hist hist;
};

/* "host_accept", as in JSON; lower case, never NULL for a leg. */
const char *irq_leg_name(enum irq_leg leg);
/* "exact" or "bound". */
const char *irq_leg_label(enum irq_leg leg);
/* "device", "vhost", as in JSON. */
const char *irq_source_name(enum irq_source source);
void irq_leg_book(struct irq_leg_stat *l, uint64_t ns);
/* @to += @from. */
void irq_leg_add(struct irq_leg_stat *to, const struct irq_leg_stat *from);
/*
 * @now -= @before, never negative. min and max become those of the difference: exact if they are
 * extremes of the whole, else the end of their bucket, up to 12.5 % outside.
 */
void irq_leg_sub(struct irq_leg_stat *now, const struct irq_leg_stat *before);
/* hist_percentile(), but never above the maximum, which is exact. */
uint64_t irq_leg_percentile(const struct irq_leg_stat *l, double p);
#endif

#endif
