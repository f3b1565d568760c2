// SPDX-License-Identifier: GPL-2.0
/* A binary heap by (time, number of arrival). */
#include "offline/sorter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct key {
	uint64_t ts, nr;
	size_t place;		/* of the item, in units of items */
};

struct sorter {
	size_t item, n, max;
	uint64_t next;		/* number of the next arrival */
	struct key *heap;	/* @max; those from @n on hold the places that are free */
	unsigned char *items;
};

static bool before(const struct key *a, const struct key *b)
{
	return a->ts != b->ts ? a->ts < b->ts : a->nr < b->nr;
}

static void swap(struct key *a, struct key *b)
{
	struct key t = *a;

	*a = *b;
	*b = t;
}

struct sorter *sorter_new(size_t item)
{
	struct sorter *o = calloc(1, sizeof(*o));

	if (o)
		o->item = item;
	return o;
}

void sorter_free(struct sorter *o)
{
	if (!o)
		return;
	free(o->heap);
	free(o->items);
	free(o);
}

static int grow(struct sorter *o)
{
	size_t i, max = o->max ? 2 * o->max : 256;
	struct key *heap = realloc(o->heap, max * sizeof(*heap));
	unsigned char *items;

	if (!heap)
		return -ENOMEM;
	o->heap = heap;
	items = realloc(o->items, max * o->item);
	if (!items)
		return -ENOMEM;
	o->items = items;
	for (i = o->max; i < max; i++)
		o->heap[i].place = i;
	o->max = max;
	return 0;
}

int sorter_put(struct sorter *o, uint64_t ts, const void *item)
{
	size_t i;

	if (o->n == o->max && grow(o))
		return -ENOMEM;
	i = o->n++;
	o->heap[i].ts = ts;
	o->heap[i].nr = o->next++;
	memcpy(o->items + o->heap[i].place * o->item, item, o->item);
	for (; i > 0 && before(&o->heap[i], &o->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&o->heap[i], &o->heap[(i - 1) / 2]);
	return 0;
}

bool sorter_take(struct sorter *o, uint64_t until, void *item)
{
	size_t i = 0, child;

	if (!o->n || o->heap[0].ts > until)
		return false;
	memcpy(item, o->items + o->heap[0].place * o->item, o->item);
	swap(&o->heap[0], &o->heap[--o->n]);
	while ((child = 2 * i + 1) < o->n) {
		if (child + 1 < o->n && before(&o->heap[child + 1], &o->heap[child]))
			child++;
		if (!before(&o->heap[child], &o->heap[i]))
			break;
		swap(&o->heap[child], &o->heap[i]);
		i = child;
	}
	return true;
}

size_t sorter_count(const struct sorter *o)
{
	return o->n;
}
