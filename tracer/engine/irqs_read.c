// SPDX-License-Identifier: GPL-2.0
/*
 * From the maps of bpf/irqs.bpf.c to a part of the snapshot. The programs may go on counting
 * meanwhile.
 */
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/irqs.h"
#include "bpf/tp_field.h"
#include "bpf/irqs.skel.h"
#include "engine/irqs.h"
#include "engine/part.h"
#include "host/vcpus.h"

/* All slots; those of a vCPU that was seen before its first entry get the VM of their siblings. */
static struct irq_vcpu *read_slots(struct irqs *q)
{
	struct irq_vcpu *s = calloc(IRQ_MAX_VCPUS, sizeof(*s));
	int fd = bpf_map__fd(q->skel->maps.slots);
	__u32 i, k;

	for (i = 0; s && i < IRQ_MAX_VCPUS; i++)
		bpf_map_lookup_elem(fd, &i, &s[i]);
	for (i = 0; s && i < IRQ_MAX_VCPUS; i++)
		for (k = 0; s[i].kvm && !s[i].vm && k < IRQ_MAX_VCPUS; k++)
			if (s[k].kvm == s[i].kvm)
				s[i].vm = s[k].vm;
	return s;
}

/* The row of @vector in slot @i; NULL without memory, or if nobody knows the VM (counted). */
static struct irq_row *row_of(struct irqs_part *p, const struct irq_vcpu *s, __u32 i,
			      unsigned int vector)
{
	if (i >= IRQ_MAX_VCPUS || !s[i].vm)
		return NULL;
	return irqs_part_row(p, (pid_t)s[i].vm, s[i].kvm, s[i].id, vector);
}

static uint64_t read_vectors(struct irqs *q, struct irqs_part *p, const struct irq_vcpu *s)
{
	int fd = bpf_map__fd(q->skel->maps.vectors);
	struct irq_vector_key key, *prev = NULL;
	uint64_t injected = 0;
	struct irq_vector v;

	for (; !bpf_map_get_next_key(fd, prev, &key); prev = &key) {
		struct irq_row *r = row_of(p, s, key.slot, key.vector);
		size_t i;

		if (bpf_map_lookup_elem(fd, &key, &v))
			continue;
		if (!r) {
			p->unknown += v.n.accepted;
			continue;
		}
		/* Usually there is one slot for a vCPU, but two CPUs can make one each. */
		for (i = 0; i < sizeof(v.n) / sizeof(hist_u64); i++)
			((hist_u64 *)&r->n)[i] += ((hist_u64 *)&v.n)[i];
		if (v.host_irq1)
			r->host_irq = (int)v.host_irq1 - 1;
		injected += v.n.injected;
	}
	return injected;
}

static int read_legs(struct irqs *q, struct irqs_part *p, const struct irq_vcpu *s)
{
	int fd = bpf_map__fd(q->skel->maps.legs);
	struct irq_leg_key key, *prev = NULL;
	struct irq_leg_val v;

	for (; !bpf_map_get_next_key(fd, prev, &key); prev = &key) {
		struct irq_row *r = row_of(p, s, key.slot, key.vector);
		struct irq_leg_stat all, *l;

		if (!r || key.leg >= IRQ_NR_LEGS || bpf_map_lookup_elem(fd, &key, &v) || !v.n)
			continue;
		l = irqs_row_leg(r, (enum irq_leg)key.leg);
		if (!l)
			return -ENOMEM;
		all = (struct irq_leg_stat){ .n = v.n, .total_ns = v.total_ns, .min_ns = v.min_ns,
					     .max_ns = v.max_ns, .hist = v.hist };
		irq_leg_add(l, &all);
	}
	return 0;
}

/* The EOI that no entry has followed yet, and what has no vector. */
static int read_vcpus(struct irqs_part *p, const struct irq_vcpu *s)
{
	struct irq_vcpu_row *v;
	struct irq_leg_stat *l;
	struct irq_row *r;
	__u32 i;

	for (i = 0; i < IRQ_MAX_VCPUS; i++) {
		if (!s[i].vm)
			continue;
		v = irqs_part_vcpu(p, (pid_t)s[i].vm, s[i].kvm, s[i].id);
		if (!v)
			return -ENOMEM;
		v->empty_eois += s[i].empty_eois;
		if (!s[i].eoi.vector1 || !s[i].eoi.timed)
			continue;
		r = row_of(p, s, i, s[i].eoi.vector1 - 1);
		l = r ? irqs_row_leg(r, IRQ_LEG_EOI) : NULL;
		if (!l)
			return -ENOMEM;
		irq_leg_book(l, s[i].eoi.ns);
	}
	return 0;
}

static int read_hosts(struct irqs *q, struct irqs_part *p)
{
	int fd = bpf_map__fd(q->skel->maps.hosts);
	struct irq_host_val v;
	__u32 key, *prev = NULL;

	for (; !bpf_map_get_next_key(fd, prev, &key); prev = &key) {
		struct irq_host_row *h;

		if (bpf_map_lookup_elem(fd, &key, &v))
			continue;
		h = irqs_part_host(p, (int)key, v.name);
		if (!h)
			return -ENOMEM;
		h->count = v.count;
		h->delivered = v.delivered;
	}
	return 0;
}

/* By which key this part has the VM of @v: one of the two may know no more than its process. */
static uint64_t key_of(const struct irqs_part *p, const struct vcpu_trace *v)
{
	size_t i;

	for (i = 0; i < p->nr_vcpus; i++)
		if (p->vcpus[i].vm == v->vm && p->vcpus[i].vcpu == v->vcpu &&
		    (!v->vm_key || !p->vcpus[i].vm_key))
			return p->vcpus[i].vm_key;
	return v->vm_key;
}

/* Exits because the guest can take interrupts again: counted by the exits backend already. */
static int read_windows(struct irqs_part *p, const struct trace_snapshot *s)
{
	size_t i, k;

	for (i = 0; i < s->nr_vcpus; i++) {
		const struct vcpu_trace *v = &s->vcpus[i];

		for (k = 0; k < v->nr_reasons; k++) {
			const struct exit_stat *e = &v->reasons[k];
			struct irq_vcpu_row *r;

			/* EXIT_REASON_INTERRUPT_WINDOW; SVM_EXIT_VINTR */
			if (!(e->isa == 1 && e->reason == 7) && !(e->isa == 2 && e->reason == 0x64))
				continue;
			r = irqs_part_vcpu(p, v->vm, key_of(p, v), v->vcpu);
			if (!r)
				return -ENOMEM;
			r->windows += e->count;
		}
	}
	return 0;
}

/*
 * A KVM that injects without ever calling the tracepoint, by its EOIs or its own counters. Asked
 * for only if no injection was seen.
 */
static bool injects_silently(struct irqs *q)
{
	struct vcpu_record *v = NULL;
	uint64_t sum = 0;
	size_t i, n = 0;

	if (q->skel->bss->globals.unknown_injections)
		return false;
	if (q->skel->bss->globals.unknown)
		return true;
	if (!q->vcpus || vcpus_read(q->vcpus, &v, &n))
		return false;
	for (i = 0; i < n; i++)
		if (!q->opts.pid || (unsigned int)q->opts.pid == v[i].tgid)
			sum += v[i].stat[KVM_STAT_irq_injections];
	free(v);
	return sum > q->injections;
}

static uint64_t read_events(struct irqs *q)
{
	int n = libbpf_num_possible_cpus(), i;
	struct irq_cpu *c = n > 0 ? calloc((size_t)n, sizeof(*c)) : NULL;
	uint64_t sum = 0;
	__u32 zero = 0;

	if (c && !bpf_map_lookup_elem(bpf_map__fd(q->skel->maps.cpus), &zero, c))
		for (i = 0; i < n; i++)
			sum += c[i].events;
	free(c);
	return sum;
}

static void read_host(struct irqs *q, struct irqs_part *p, struct trace_snapshot *out)
{
	int i;

	p->limits = q->limits;
	if (q->attached)
		irqs_posted_now(q->posted_end, q->has_posted);
	for (i = 0; i < IRQ_NR_POSTED; i++) {
		p->has_posted[i] = q->has_posted[i];
		p->posted[i] = q->posted_end[i] - q->posted[i];
	}
	p->no_room = q->skel->bss->globals.no_room;
	p->unknown += q->skel->bss->globals.unknown;
	p->lost_hardware = q->skel->bss->globals.lost_hardware;
	progs_read(&q->progs, out);
	out->ledger.events += read_events(q);
	out->ledger.map_full += p->no_room;
}

int irqs_read(void *state, struct trace_snapshot *out)
{
	struct irqs_part *p = irqs_part_new();
	struct irqs *q = state;
	struct irq_vcpu *s = read_slots(q);
	int ret = -ENOMEM;

	if (!p || !s)
		goto out;
	read_host(q, p, out);
	if (!read_vectors(q, p, s) && injects_silently(q))
		p->limits.inject = "interrupts were completed or counted by KVM, but kvm_inj_virq never came";
	ret = read_legs(q, p, s);
	if (!ret)
		ret = read_vcpus(p, s);
	if (!ret)
		ret = read_hosts(q, p);
	if (!ret)
		ret = read_windows(p, out);
	irqs_part_sort(p);
out:
	free(s);
	if (!ret)
		return part_put(out, &p->part);
	if (p)
		p->part.ops->free(&p->part);
	return ret;
}
