// SPDX-License-Identifier: GPL-2.0
/* Names of legs and sources, and sums and differences of what was measured of a leg. */
#include "core/irq_legs.h"

const char *irq_leg_name(enum irq_leg leg)
{
	static const char *const name[IRQ_NR_LEGS] = {
		[IRQ_LEG_HOST] = "host_accept", [IRQ_LEG_HOST_WORK] = "host_accept_by_work",
		[IRQ_LEG_INJECT] = "accept_inject", [IRQ_LEG_ENTRY] = "inject_entry",
		[IRQ_LEG_EOI] = "entry_eoi", [IRQ_LEG_EOI_PV] = "entry_pv_eoi",
	};

	return name[leg];
}

const char *irq_leg_label(enum irq_leg leg)
{
	return leg == IRQ_LEG_HOST_WORK || leg == IRQ_LEG_EOI_PV ? "bound" : "exact";
}

const char *irq_source_name(enum irq_source source)
{
	static const char *const name[IRQ_NR_SOURCES] = {
		[IRQ_FROM_DEVICE] = "device", [IRQ_FROM_DEVICE_WORK] = "device_work",
		[IRQ_FROM_VHOST] = "vhost", [IRQ_FROM_USER] = "user", [IRQ_FROM_TIMER] = "timer",
		[IRQ_FROM_IPI] = "ipi", [IRQ_FROM_OTHER] = "other",
	};

	return name[source];
}

void irq_leg_book(struct irq_leg_stat *l, uint64_t ns)
{
	if (!l->n || ns < l->min_ns)
		l->min_ns = ns;
	if (ns > l->max_ns)
		l->max_ns = ns;
	l->n++;
	l->total_ns += ns;
	l->hist.n[hist_index(ns)]++;
}

void irq_leg_add(struct irq_leg_stat *to, const struct irq_leg_stat *from)
{
	if (!from->n)
		return;
	if (!to->n || from->min_ns < to->min_ns)
		to->min_ns = from->min_ns;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
	to->n += from->n;
	to->total_ns += from->total_ns;
	hist_merge(&to->hist, &from->hist);
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void irq_leg_sub(struct irq_leg_stat *now, const struct irq_leg_stat *before)
{
	unsigned int i, lo = 0, hi = HIST_BUCKETS - 1;

	if (!before->n)
		return;
	for (i = 0; i < HIST_BUCKETS; i++)
		now->hist.n[i] = minus(now->hist.n[i], before->hist.n[i]);
	now->n = minus(now->n, before->n);
	now->total_ns = minus(now->total_ns, before->total_ns);
	if (!now->n) {
		now->min_ns = now->max_ns = 0;
		return;
	}
	while (lo < HIST_BUCKETS - 1 && !now->hist.n[lo])
		lo++;
	while (hi > 0 && !now->hist.n[hi])
		hi--;
	if (now->min_ns >= before->min_ns && hist_lower(lo) > now->min_ns)
		now->min_ns = hist_lower(lo);
	if (now->max_ns <= before->max_ns && hist_upper(hi) < now->max_ns)
		now->max_ns = hist_upper(hi);
}

uint64_t irq_leg_percentile(const struct irq_leg_stat *l, double p)
{
	uint64_t ns = hist_percentile(&l->hist, p);

	return ns > l->max_ns ? l->max_ns : ns;
}
