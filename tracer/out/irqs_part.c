// SPDX-License-Identifier: GPL-2.0
/*
 * The interrupts' part of a snapshot: its rows, differences and sums. How it is printed is in
 * irqs.c.
 */
#include "out/irqs.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The numbers of a row are of one type, and added and subtracted one by one. */
#define NR_NUMBERS (sizeof(struct irq_numbers) / sizeof(hist_u64))

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Room for one more; @array and @n follow. The new element is zero; NULL without memory. */
static void *grow(void *array, size_t *n, size_t size)
{
	void **a = array;
	char *p = reallocarray(*a, *n + 1, size);

	if (!p)
		return NULL;
	*a = p;
	p += *n * size;
	++*n;
	return memset(p, 0, size);
}

struct irq_row *irqs_part_row(struct irqs_part *p, pid_t vm, uint64_t vm_key, int vcpu,
			      unsigned int vector)
{
	struct irq_row *r;
	size_t i;

	for (i = 0; i < p->nr_rows; i++) {
		r = &p->rows[i];
		if (r->vector == vector && r->vcpu == vcpu && r->vm == vm && r->vm_key == vm_key)
			return r;
	}
	r = grow(&p->rows, &p->nr_rows, sizeof(*r));
	if (r) {
		r->vm = vm;
		r->vm_key = vm_key;
		r->vcpu = vcpu;
		r->vector = vector;
		r->host_irq = -1;
	}
	return r;
}

struct irq_vcpu_row *irqs_part_vcpu(struct irqs_part *p, pid_t vm, uint64_t vm_key, int vcpu)
{
	struct irq_vcpu_row *r;
	size_t i;

	for (i = 0; i < p->nr_vcpus; i++) {
		r = &p->vcpus[i];
		if (r->vcpu == vcpu && r->vm == vm && r->vm_key == vm_key)
			return r;
	}
	r = grow(&p->vcpus, &p->nr_vcpus, sizeof(*r));
	if (r)
		*r = (struct irq_vcpu_row){ .vm = vm, .vm_key = vm_key, .vcpu = vcpu };
	return r;
}

struct irq_host_row *irqs_part_host(struct irqs_part *p, int irq, const char *name)
{
	struct irq_host_row *r;
	size_t i;

	for (i = 0; i < p->nr_hosts; i++)
		if (p->hosts[i].irq == irq && !strcmp(p->hosts[i].name, name))
			return &p->hosts[i];
	r = grow(&p->hosts, &p->nr_hosts, sizeof(*r));
	if (r) {
		r->irq = irq;
		strncpy(r->name, name, sizeof(r->name) - 1);
	}
	return r;
}

struct irq_leg_stat *irqs_row_leg(struct irq_row *r, enum irq_leg leg)
{
	if (!r->leg[leg])
		r->leg[leg] = calloc(1, sizeof(*r->leg[leg]));
	return r->leg[leg];
}

static int by_vcpu(const void *a, const void *b)
{
	const struct irq_vcpu_row *x = a, *y = b;

	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	if (x->vm_key != y->vm_key)
		return x->vm_key < y->vm_key ? -1 : 1;
	return x->vcpu < y->vcpu ? -1 : x->vcpu > y->vcpu;
}

static int by_row(const void *a, const void *b)
{
	const struct irq_row *x = a, *y = b;
	struct irq_vcpu_row p = { .vm = x->vm, .vm_key = x->vm_key, .vcpu = x->vcpu };
	struct irq_vcpu_row q = { .vm = y->vm, .vm_key = y->vm_key, .vcpu = y->vcpu };
	int c = by_vcpu(&p, &q);

	return c ? c : x->vector < y->vector ? -1 : x->vector > y->vector;
}

static int by_irq(const void *a, const void *b)
{
	const struct irq_host_row *x = a, *y = b;

	return x->irq < y->irq ? -1 : x->irq > y->irq;
}

void irqs_part_sort(struct irqs_part *p)
{
	if (p->nr_rows)
		qsort(p->rows, p->nr_rows, sizeof(p->rows[0]), by_row);
	if (p->nr_vcpus)
		qsort(p->vcpus, p->nr_vcpus, sizeof(p->vcpus[0]), by_vcpu);
	if (p->nr_hosts)
		qsort(p->hosts, p->nr_hosts, sizeof(p->hosts[0]), by_irq);
}

const char *irqs_leg_why(const struct irqs_part *p, enum irq_leg leg)
{
	const struct irq_limits *l = &p->limits;

	switch (leg) {
	case IRQ_LEG_HOST:
	case IRQ_LEG_HOST_WORK:
		return l->host ? l->host : l->accept;
	case IRQ_LEG_INJECT:
		return l->accept ? l->accept : l->inject;
	case IRQ_LEG_EOI_PV:
		return l->pv_eoi ? l->pv_eoi : l->inject;
	default:
		return l->inject;
	}
}

const char *irqs_posted_name(int i)
{
	static const char *const name[IRQ_NR_POSTED] = { "PIN", "NPI", "PIW" };

	return name[i];
}

void irqs_posted_parse(const char *text, uint64_t posted[], bool has[])
{
	const char *line, *next;
	char *end;
	int i;

	memset(posted, 0, IRQ_NR_POSTED * sizeof(posted[0]));
	memset(has, 0, IRQ_NR_POSTED * sizeof(has[0]));
	for (line = text; *line; line = next) {
		next = line + strcspn(line, "\n");
		next += *next == '\n';
		line += strspn(line, " ");
		for (i = 0; i < IRQ_NR_POSTED; i++)
			if (!strncmp(line, irqs_posted_name(i), 3) && line[3] == ':')
				break;
		if (i == IRQ_NR_POSTED)
			continue;
		has[i] = true;
		/* Numbers of the CPUs, then text; all on this line. */
		for (line += 4; line += strspn(line, " "), isdigit((unsigned char)*line); line = end)
			posted[i] += strtoull(line, &end, 10);
	}
}

static void free_row(struct irq_row *r)
{
	int i;

	for (i = 0; i < IRQ_NR_LEGS; i++)
		free(r->leg[i]);
}

static void irqs_free(struct part *part)
{
	struct irqs_part *p = (struct irqs_part *)part;
	size_t i;

	for (i = 0; i < p->nr_rows; i++)
		free_row(&p->rows[i]);
	free(p->rows);
	free(p->vcpus);
	free(p->hosts);
	free(p);
}

static int add_row(struct irqs_part *t, const struct irq_row *from)
{
	struct irq_row *r = irqs_part_row(t, from->vm, from->vm_key, from->vcpu, from->vector);
	const hist_u64 *add = (const hist_u64 *)&from->n;
	hist_u64 *sum = r ? (hist_u64 *)&r->n : NULL;
	size_t i;

	if (!r)
		return -ENOMEM;
	for (i = 0; i < NR_NUMBERS; i++)
		sum[i] += add[i];
	if (from->host_irq >= 0)
		r->host_irq = from->host_irq;
	for (i = 0; i < IRQ_NR_LEGS; i++) {
		if (!from->leg[i])
			continue;
		if (!irqs_row_leg(r, (enum irq_leg)i))
			return -ENOMEM;
		irq_leg_add(r->leg[i], from->leg[i]);
	}
	return 0;
}

static int irqs_add(struct part *total, const struct part *step)
{
	struct irqs_part *t = (struct irqs_part *)total;
	const struct irqs_part *s = (const struct irqs_part *)step;
	size_t i;

	for (i = 0; i < s->nr_rows; i++)
		if (add_row(t, &s->rows[i]))
			return -ENOMEM;
	for (i = 0; i < s->nr_vcpus; i++) {
		const struct irq_vcpu_row *from = &s->vcpus[i];
		struct irq_vcpu_row *v = irqs_part_vcpu(t, from->vm, from->vm_key, from->vcpu);

		if (!v)
			return -ENOMEM;
		v->windows += from->windows;
		v->empty_eois += from->empty_eois;
	}
	for (i = 0; i < s->nr_hosts; i++) {
		struct irq_host_row *h = irqs_part_host(t, s->hosts[i].irq, s->hosts[i].name);

		if (!h)
			return -ENOMEM;
		h->count += s->hosts[i].count;
		h->delivered += s->hosts[i].delivered;
	}
	for (i = 0; i < IRQ_NR_POSTED; i++) {
		t->has_posted[i] |= s->has_posted[i];
		t->posted[i] += s->posted[i];
	}
	t->limits = s->limits;
	t->unknown += s->unknown;
	t->no_room += s->no_room;
	t->lost_hardware += s->lost_hardware;
	irqs_part_sort(t);
	return 0;
}

static const struct irq_row *find_row(const struct irqs_part *p, const struct irq_row *r)
{
	return p->nr_rows ? bsearch(r, p->rows, p->nr_rows, sizeof(*r), by_row) : NULL;
}

/* @r -= @b; true if anything is left. */
static bool sub_row(struct irq_row *r, const struct irq_row *b)
{
	const hist_u64 *before = (const hist_u64 *)&b->n;
	hist_u64 *now = (hist_u64 *)&r->n;
	bool any = false;
	size_t i;

	for (i = 0; i < NR_NUMBERS; i++) {
		now[i] = minus(now[i], before[i]);
		any |= now[i] > 0;
	}
	for (i = 0; i < IRQ_NR_LEGS; i++) {
		if (r->leg[i] && b->leg[i])
			irq_leg_sub(r->leg[i], b->leg[i]);
		if (r->leg[i] && !r->leg[i]->n) {
			free(r->leg[i]);
			r->leg[i] = NULL;
		}
		any |= r->leg[i] != NULL;
	}
	return any;
}

static void sub_rows(struct irqs_part *p, const struct irqs_part *before)
{
	size_t i, n = 0;

	for (i = 0; i < p->nr_rows; i++) {
		const struct irq_row *b = find_row(before, &p->rows[i]);

		if (b && !sub_row(&p->rows[i], b))
			free_row(&p->rows[i]);
		else
			p->rows[n++] = p->rows[i];
	}
	p->nr_rows = n;
}

/* vCPUs and host interrupts without an event stay out, too. */
static void sub_others(struct irqs_part *p, const struct irqs_part *before)
{
	size_t i, k, n = 0;

	for (i = 0; i < p->nr_vcpus; i++) {
		struct irq_vcpu_row v = p->vcpus[i], *b = NULL;

		if (before->nr_vcpus)
			b = bsearch(&v, before->vcpus, before->nr_vcpus, sizeof(v), by_vcpu);
		v.windows = minus(v.windows, b ? b->windows : 0);
		v.empty_eois = minus(v.empty_eois, b ? b->empty_eois : 0);
		if (v.windows || v.empty_eois)
			p->vcpus[n++] = v;
	}
	p->nr_vcpus = n;
	for (i = 0, n = 0; i < p->nr_hosts; i++) {
		struct irq_host_row h = p->hosts[i];

		for (k = 0; k < before->nr_hosts; k++) {
			const struct irq_host_row *b = &before->hosts[k];

			if (b->irq != h.irq || strcmp(b->name, h.name))
				continue;
			h.count = minus(h.count, b->count);
			h.delivered = minus(h.delivered, b->delivered);
		}
		if (h.count)
			p->hosts[n++] = h;
	}
	p->nr_hosts = n;
	for (i = 0; i < IRQ_NR_POSTED; i++)
		p->posted[i] = minus(p->posted[i], before->posted[i]);
	p->unknown = minus(p->unknown, before->unknown);
	p->no_room = minus(p->no_room, before->no_room);
	p->lost_hardware = minus(p->lost_hardware, before->lost_hardware);
}

static struct part *irqs_delta(const struct part *now, const struct part *before)
{
	struct irqs_part *p = irqs_part_new();

	if (!p)
		return NULL;
	if (irqs_add(&p->part, now)) {
		irqs_free(&p->part);
		return NULL;
	}
	if (before) {
		sub_rows(p, (const struct irqs_part *)before);
		sub_others(p, (const struct irqs_part *)before);
	}
	return &p->part;
}

static void irqs_filter(struct part *part, part_keep_fn keep, void *arg)
{
	struct irqs_part *p = (struct irqs_part *)part;
	size_t i, n = 0;

	for (i = 0; i < p->nr_rows; i++) {
		if (keep(p->rows[i].vm, p->rows[i].vcpu, arg))
			p->rows[n++] = p->rows[i];
		else
			free_row(&p->rows[i]);
	}
	p->nr_rows = n;
	for (i = 0, n = 0; i < p->nr_vcpus; i++)
		if (keep(p->vcpus[i].vm, p->vcpus[i].vcpu, arg))
			p->vcpus[n++] = p->vcpus[i];
	p->nr_vcpus = n;
}

struct irqs_part *irqs_part_new(void)
{
	static const struct part_ops ops = {
		.name = "interrupts",
		.free = irqs_free,
		.text = irqs_text,
		.json = irqs_json,
		.csv = irqs_csv,
		.prom = irqs_prom,
		.delta = irqs_delta,
		.add = irqs_add,
		.filter = irqs_filter,
	};
	struct irqs_part *p = calloc(1, sizeof(*p));

	if (p)
		p->part.ops = &ops;
	return p;
}
