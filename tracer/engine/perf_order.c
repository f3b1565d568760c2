// SPDX-License-Identifier: GPL-2.0
/*
 * The hard part: a thread moves from CPU to CPU, so its events are in several rings, and a ring
 * that was read before another one may have got an older event since. Time alone does not help: an
 * event gets its time first and appears in the ring later, and between the two lies anything (an
 * interrupt; on a virtual host, seconds).
 *
 * But a thread makes one event after the other. When event B was read in a round, the events that
 * the same thread made before it were all in their rings already, and are read in the next round
 * at the latest. So after a round, a thread's events are complete up to the newest one that an
 * earlier round has read; those go on, in order of time, and the others wait. This needs no
 * assumption about how long anything takes. Two threads need no order between them: no vCPU is run
 * by two at a time.
 */
#include "engine/perf_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct order_item *add(struct perf_order *o)
{
	struct order_item *i;

	if (o->n == o->max) {
		size_t max = o->max ? 2 * o->max : 1024;

		i = realloc(o->item, max * sizeof(*i));
		if (!i)
			return NULL;
		o->item = i;
		o->max = max;
	}
	i = &o->item[o->n++];
	memset(i, 0, sizeof(*i));
	i->round = o->round;
	i->seq = o->seq++;
	return i;
}

int order_event(struct perf_order *o, const struct kvm_event *e)
{
	struct order_item *i = add(o);

	if (!i)
		return -ENOMEM;
	i->e = *e;
	return 0;
}

int order_loss(struct perf_order *o, uint64_t ts_ns, uint64_t n)
{
	struct order_item *i = add(o);

	if (!i)
		return -ENOMEM;
	i->e.ts_ns = ts_ns;
	i->is_loss = true;
	i->lost = n;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct order_item *x = a, *y = b;

	if (x->e.ts_ns != y->e.ts_ns)
		return x->e.ts_ns < y->e.ts_ns ? -1 : 1;
	return x->seq < y->seq ? -1 : 1;
}

static bool sorted(const struct perf_order *o)
{
	size_t i;

	for (i = 1; i < o->n; i++)
		if (o->item[i].e.ts_ns < o->item[i - 1].e.ts_ns)
			return false;
	return true;
}

/* An empty table for at least twice as many threads as there can be. */
static int clear_threads(struct perf_order *o)
{
	size_t size = o->size ? o->size : 64;
	pid_t *t;

	while (size < 2 * o->n)
		size *= 2;
	if (size != o->size) {
		t = realloc(o->threads, size * sizeof(*t));
		if (!t)
			return -ENOMEM;
		o->threads = t;
		o->size = size;
	}
	memset(o->threads, 0, size * sizeof(*o->threads));
	return 0;
}

/* Where @tid is in the table, or would be. */
static pid_t *find(struct perf_order *o, pid_t tid)
{
	size_t i = (uint32_t)tid * 2654435761u & (o->size - 1);

	while (o->threads[i] && o->threads[i] != tid)
		i = (i + 1) & (o->size - 1);
	return &o->threads[i];
}

static void mark_ready(struct perf_order *o, bool all)
{
	size_t i;

	all = all || clear_threads(o);
	/* Backwards: what comes before an event of an earlier round is ready with it. */
	for (i = o->n; i-- > 0;) {
		struct order_item *x = &o->item[i];
		pid_t *known = all || x->is_loss || !x->e.tid ? NULL : find(o, x->e.tid);

		x->ready = all || x->round < o->round || (known && *known);
		if (x->ready && known)
			*known = x->e.tid;
	}
}

void order_round(struct perf_order *o, struct replay *r, bool all)
{
	size_t i, kept = 0;

	if (o->n > 0 && !sorted(o))
		qsort(o->item, o->n, sizeof(o->item[0]), by_time);
	mark_ready(o, all);
	for (i = 0; i < o->n; i++) {
		struct order_item *x = &o->item[i];

		if (!x->ready)
			o->item[kept++] = *x;
		else if (x->is_loss)
			replay_lost(r, x->lost);
		else
			replay_event(r, &x->e);
	}
	o->n = kept;
	o->round++;
}

void order_free(struct perf_order *o)
{
	free(o->item);
	free(o->threads);
	memset(o, 0, sizeof(*o));
}
