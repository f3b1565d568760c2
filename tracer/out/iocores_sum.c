// SPDX-License-Identifier: GPL-2.0
/* Sums and differences of I/O cores' accounts. */
#include "out/iocores.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct iocores *iocores_new(void)
{
	struct iocores *p = calloc(1, sizeof(*p));

	if (p)
		p->part.ops = &iocores_ops;
	return p;
}

void iocores_free(struct part *part)
{
	struct iocores *p = (struct iocores *)part;
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->nr; i++)
		free(p->rows[i].cpus);
	free(p->rows);
	free(p);
}

struct iocore_row *iocores_add_row(struct iocores *p)
{
	struct iocore_row *more = realloc(p->rows, (p->nr + 1) * sizeof(*more));

	if (!more)
		return NULL;
	p->rows = more;
	more += p->nr++;
	memset(more, 0, sizeof(*more));
	return more;
}

/* The entry of @cpu in an array that grows. */
static struct iocore_cpu *cpu_entry(struct iocore_cpu **cpus, size_t *n, unsigned int cpu)
{
	struct iocore_cpu *more;
	size_t i;

	for (i = 0; i < *n; i++)
		if ((*cpus)[i].cpu == cpu)
			return &(*cpus)[i];
	more = realloc(*cpus, (*n + 1) * sizeof(*more));
	if (!more)
		return NULL;
	*cpus = more;
	more += (*n)++;
	*more = (struct iocore_cpu){ .cpu = cpu };
	return more;
}

int iocore_add_cpu(struct iocore_row *r, unsigned int cpu, const uint64_t ns[3])
{
	struct iocore_cpu *c = cpu_entry(&r->cpus, &r->nr_cpus, cpu);
	int i;

	for (i = 0; c && i < 3; i++)
		c->ns[i] += ns[i];
	return c ? 0 : -ENOMEM;
}

static int by_cpu(const void *a, const void *b)
{
	const struct iocore_cpu *x = a, *y = b;

	return x->cpu < y->cpu ? -1 : x->cpu > y->cpu;
}

static int by_vm(const void *a, const void *b)
{
	const struct iocore_row *x = a, *y = b;

	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return x->born_ns < y->born_ns ? -1 : x->born_ns > y->born_ns;
}

void iocores_sort(struct iocores *p)
{
	size_t i;

	for (i = 0; i < p->nr; i++)
		if (p->rows[i].nr_cpus)
			qsort(p->rows[i].cpus, p->rows[i].nr_cpus, sizeof(struct iocore_cpu),
			      by_cpu);
	if (p->nr)
		qsort(p->rows, p->nr, sizeof(p->rows[0]), by_vm);
}

int iocores_cpus(const struct iocores *p, struct iocore_cpu **out, size_t *n)
{
	size_t i, k;
	int j;

	*out = NULL;
	*n = 0;
	for (i = 0; i < p->nr; i++) {
		for (k = 0; k < p->rows[i].nr_cpus; k++) {
			const struct iocore_cpu *from = &p->rows[i].cpus[k];
			struct iocore_cpu *c = cpu_entry(out, n, from->cpu);

			if (!c) {
				free(*out);
				*out = NULL;
				return -ENOMEM;
			}
			for (j = 0; j < 3; j++)
				c->ns[j] += from->ns[j];
		}
	}
	if (*n)
		qsort(*out, *n, sizeof(**out), by_cpu);
	return 0;
}

static struct iocore_row *find(const struct iocores *p, const struct iocore_row *like)
{
	size_t i;

	for (i = 0; p && i < p->nr; i++)
		if (p->rows[i].tid == like->tid && p->rows[i].born_ns == like->born_ns)
			return &p->rows[i];
	return NULL;
}

/* A copy of @from, with CPUs of its own. 0 or -ENOMEM. */
static int copy_row(struct iocores *to, const struct iocore_row *from)
{
	struct iocore_row *r = iocores_add_row(to);

	if (!r)
		return -ENOMEM;
	*r = *from;
	r->cpus = NULL;
	r->nr_cpus = 0;
	if (!from->nr_cpus)
		return 0;
	r->cpus = malloc(from->nr_cpus * sizeof(*r->cpus));
	if (!r->cpus)
		return -ENOMEM;
	memcpy(r->cpus, from->cpus, from->nr_cpus * sizeof(*r->cpus));
	r->nr_cpus = from->nr_cpus;
	return 0;
}

static void minus(uint64_t *v, uint64_t before)
{
	*v -= *v < before ? *v : before;
}

static void subtract(struct iocore_row *r, const struct iocore_row *before)
{
	size_t i, k;
	int j;

	minus(&r->wall_ns, before->wall_ns);
	for (j = 0; j < NR_IOCORE_STATES; j++)
		minus(&r->ns[j], before->ns[j]);
	minus(&r->switches, before->switches);
	minus(&r->wakeups, before->wakeups);
	minus(&r->kicks, before->kicks);
	minus(&r->replies, before->replies);
	minus(&r->buffers, before->buffers);
	minus(&r->unmatched, before->unmatched);
	for (j = 0; j < NR_VHOST_WORKS; j++)
		minus(&r->works[j], before->works[j]);
	for (i = 0; i < r->nr_cpus; i++)
		for (k = 0; k < before->nr_cpus; k++)
			for (j = 0; j < 3 && before->cpus[k].cpu == r->cpus[i].cpu; j++)
				minus(&r->cpus[i].ns[j], before->cpus[k].ns[j]);
}

static void sum(struct iocore_row *r, const struct iocore_row *step)
{
	int j;

	r->wall_ns += step->wall_ns;
	for (j = 0; j < NR_IOCORE_STATES; j++)
		r->ns[j] += step->ns[j];
	r->switches += step->switches;
	r->wakeups += step->wakeups;
	r->kicks += step->kicks;
	r->replies += step->replies;
	r->buffers += step->buffers;
	r->unmatched += step->unmatched;
	for (j = 0; j < NR_VHOST_WORKS; j++)
		r->works[j] += step->works[j];
	r->ended = step->ended;
	r->cpu = step->cpu;
	if (step->vm)
		r->vm = step->vm;
}

struct part *iocores_delta(const struct part *now_part, const struct part *before_part)
{
	const struct iocores *now = (const struct iocores *)now_part;
	const struct iocores *before = (const struct iocores *)before_part;
	struct iocores *p = iocores_new();
	size_t i;

	if (!p)
		return NULL;
	p->traced = now->traced;
	memcpy(p->why, now->why, sizeof(p->why));
	p->no_room = now->no_room - (before ? before->no_room : 0);
	p->lost_kicks = now->lost_kicks - (before ? before->lost_kicks : 0);
	for (i = 0; i < now->nr; i++) {
		const struct iocore_row *old = find(before, &now->rows[i]);

		if (old && old->ended)
			continue;
		if (copy_row(p, &now->rows[i])) {
			iocores_free(&p->part);
			return NULL;
		}
		if (old)
			subtract(&p->rows[p->nr - 1], old);
	}
	return &p->part;
}

int iocores_add(struct part *total_part, const struct part *step_part)
{
	struct iocores *total = (struct iocores *)total_part;
	const struct iocores *step = (const struct iocores *)step_part;
	size_t i, k;
	int ret = 0;

	total->traced = step->traced;
	memcpy(total->why, step->why, sizeof(total->why));
	total->no_room += step->no_room;
	total->lost_kicks += step->lost_kicks;
	for (i = 0; !ret && i < step->nr; i++) {
		const struct iocore_row *s = &step->rows[i];
		struct iocore_row *r = find(total, s);

		if (!r) {
			ret = copy_row(total, s);
			continue;
		}
		sum(r, s);
		for (k = 0; !ret && k < s->nr_cpus; k++)
			ret = iocore_add_cpu(r, s->cpus[k].cpu, s->cpus[k].ns);
	}
	iocores_sort(total);
	return ret;
}

void iocores_filter(struct part *part, part_keep_fn keep, void *arg)
{
	struct iocores *p = (struct iocores *)part;
	size_t i, n = 0;

	for (i = 0; i < p->nr; i++) {
		if (keep(p->rows[i].vm, -1, arg))
			p->rows[n++] = p->rows[i];
		else
			free(p->rows[i].cpus);
	}
	p->nr = n;
}
