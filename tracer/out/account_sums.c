// SPDX-License-Identifier: GPL-2.0
/* Time accounts as numbers: differences, sums, order. */
#include "out/account.h"

#include <errno.h>
#include <stdlib.h>

static const struct part_ops account_ops;

static const struct account_part *of(const struct part *p)
{
	return (const struct account_part *)p;
}

struct account_part *account_part_new(size_t rows)
{
	struct account_part *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->part.ops = &account_ops;
	p->rows = calloc(rows + 1, sizeof(p->rows[0]));
	if (p->rows)
		return p;
	free(p);
	return NULL;
}

static void account_free(struct part *p)
{
	free(((struct account_part *)p)->rows);
	free(p);
}

static uint64_t sum(const struct account_row *r)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < NR_ACCOUNT; i++)
		n += r->ns[i];
	return n;
}

int64_t account_residual(const struct account_row *r)
{
	return (int64_t)(r->wall_ns - r->unseen_ns - sum(r));
}

static int compare(const void *a, const void *b)
{
	const struct account_row *x = a, *y = b;

	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	if (x->vm_key != y->vm_key)
		return x->vm_key < y->vm_key ? -1 : 1;
	return x->vcpu < y->vcpu ? -1 : x->vcpu > y->vcpu;
}

void account_part_sort(struct account_part *p)
{
	if (p->nr_rows)
		qsort(p->rows, p->nr_rows, sizeof(p->rows[0]), compare);
}

static struct account_row *find(const struct account_part *p, const struct account_row *r)
{
	size_t i;

	for (i = 0; p && i < p->nr_rows; i++)
		if (!compare(&p->rows[i], r))
			return &p->rows[i];
	return NULL;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/*
 * Time in a halt is KVM's until it is known how much of it was polling. If an interval ends before
 * that, the next one has less of it in the sum than the one before: it goes off the polling.
 */
static void subtract(struct account_row *r, const struct account_row *before)
{
	uint64_t taken_back = 0;
	int k;

	for (k = 0; k < NR_ACCOUNT; k++) {
		taken_back += minus(before->ns[k], r->ns[k]);
		r->ns[k] = minus(r->ns[k], before->ns[k]);
	}
	r->ns[ACCOUNT_POLL] = minus(r->ns[ACCOUNT_POLL], taken_back);
	r->wall_ns = minus(r->wall_ns, before->wall_ns);
	r->unseen_ns = minus(r->unseen_ns, before->unseen_ns);
	r->kvm_poll_ns = minus(r->kvm_poll_ns, before->kvm_poll_ns);
	r->moves = minus(r->moves, before->moves);
	r->sched_run_ns = minus(r->sched_run_ns, before->sched_run_ns);
	r->sched_wait_ns = minus(r->sched_wait_ns, before->sched_wait_ns);
	r->run_ns = minus(r->run_ns, before->run_ns);
	r->wait_ns = minus(r->wait_ns, before->wait_ns);
}

/* The ledger as a list of numbers. */
static uint64_t *numbers(struct account_ledger *l)
{
	return &l->unmatched_entries;
}
#define NR_NUMBERS (sizeof(struct account_ledger) / sizeof(uint64_t))

static struct part *account_delta(const struct part *now_part, const struct part *before_part)
{
	const struct account_part *now = of(now_part), *before = of(before_part);
	struct account_part *p = account_part_new(now->nr_rows);
	struct account_ledger l;
	size_t i;

	if (!p)
		return NULL;
	p->has_poll = now->has_poll;
	p->no_poll_why = now->no_poll_why;
	p->has_return = now->has_return;
	p->ledger = now->ledger;
	if (before) {
		l = before->ledger;
		for (i = 0; i < NR_NUMBERS; i++)
			numbers(&p->ledger)[i] = minus(numbers(&p->ledger)[i], numbers(&l)[i]);
	}
	for (i = 0; i < now->nr_rows; i++) {
		const struct account_row *old = find(before, &now->rows[i]);
		struct account_row *r = &p->rows[p->nr_rows];

		*r = now->rows[i];
		if (old)
			subtract(r, old);
		/* One that ended before has no row any more. */
		p->nr_rows += !old || r->wall_ns || sum(r);
	}
	return &p->part;
}

static void add_row(struct account_row *sum, const struct account_row *r)
{
	int k;

	for (k = 0; k < NR_ACCOUNT; k++)
		sum->ns[k] += r->ns[k];
	sum->wall_ns += r->wall_ns;
	sum->unseen_ns += r->unseen_ns;
	sum->kvm_poll_ns += r->kvm_poll_ns;
	sum->moves += r->moves;
	sum->sched_run_ns += r->sched_run_ns;
	sum->sched_wait_ns += r->sched_wait_ns;
	sum->run_ns += r->run_ns;
	sum->wait_ns += r->wait_ns;
}

static int account_add(struct part *total_part, const struct part *step_part)
{
	struct account_part *t = (struct account_part *)total_part;
	const struct account_part *s = of(step_part);
	struct account_ledger l = s->ledger;
	struct account_row *rows;
	size_t i, k;

	rows = realloc(t->rows, (t->nr_rows + s->nr_rows + 1) * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	t->rows = rows;
	for (i = 0; i < s->nr_rows; i++) {
		const struct account_row *r = &s->rows[i];
		struct account_row *sum = find(t, r);

		if (!sum) {
			t->rows[t->nr_rows++] = *r;
			continue;
		}
		add_row(sum, r);
		sum->tid = r->tid;
	}
	for (k = 0; k < NR_NUMBERS; k++)
		numbers(&t->ledger)[k] += numbers(&l)[k];
	t->has_poll |= s->has_poll;
	t->no_poll_why = s->no_poll_why;
	t->has_return |= s->has_return;
	account_part_sort(t);
	return 0;
}

static void account_filter(struct part *part, part_keep_fn keep, void *arg)
{
	struct account_part *p = (struct account_part *)part;
	size_t i, n = 0;

	for (i = 0; i < p->nr_rows; i++)
		if (keep(p->rows[i].vm, p->rows[i].vcpu, arg))
			p->rows[n++] = p->rows[i];
	p->nr_rows = n;
}

static const struct part_ops account_ops = {
	.name = "account",
	.free = account_free,
	.text = account_text,
	.json = account_json,
	.csv = account_csv,
	.prom = account_prom,
	.delta = account_delta,
	.add = account_add,
	.filter = account_filter,
};
