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

/* Where the run that begins at @i ends: items in order of time. */
static size_t run_end(const struct perf_order *o, size_t i)
{
	for (i++; i < o->n && o->item[i].e.ts_ns >= o->item[i - 1].e.ts_ns; i++)
		;
	return i < o->n ? i : o->n;
}

/* Merges [a, b) and [b, c) of @from into @to; at equal times the first goes first. */
static void merge(struct order_item *to, const struct order_item *from, size_t a, size_t b,
		  size_t c)
{
	size_t i = a, k = b, n;

	for (n = a; n < c; n++)
		to[n] = k == c || (i < b && from[i].e.ts_ns <= from[k].e.ts_ns) ? from[i++] :
			from[k++];
}

/* A merge sort of the runs there are, one per ring: as quick as it gets for few rings. */
static int sort(struct perf_order *o)
{
	size_t a, b, c;

	while (o->n > 0 && run_end(o, 0) < o->n) {
		struct order_item *t = o->scratch;

		if (o->max_scratch < o->max) {
			t = realloc(t, o->max * sizeof(*t));
			if (!t)
				return -ENOMEM;
			o->scratch = t;
			o->max_scratch = o->max;
		}
		for (a = 0; a < o->n; a = c) {
			b = run_end(o, a);
			c = b < o->n ? run_end(o, b) : b;
			merge(t, o->item, a, b, c);
		}
		o->scratch = o->item;
		o->item = t;
		c = o->max;
		o->max = o->max_scratch;
		o->max_scratch = c;
	}
	return 0;
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

	mark_ready(o, sort(o) || all);
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
	free(o->scratch);
	free(o->threads);
	memset(o, 0, sizeof(*o));
}
