// SPDX-License-Identifier: GPL-2.0
/* Order and end of a snapshot; the same for every engine. */
#include "engine/part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_count(const void *a, const void *b)
{
	const struct exit_stat *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	/* Equal counts need an order of their own: the maps' order is an accident. */
	if (x->isa != y->isa)
		return x->isa < y->isa ? -1 : 1;
	if (x->reason != y->reason)
		return x->reason < y->reason ? -1 : 1;
	return x->detail < y->detail ? -1 : x->detail > y->detail;
}

static int by_vcpu(const void *a, const void *b)
{
	const struct vcpu_trace *x = a, *y = b;

	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	if (x->vm_key != y->vm_key)
		return x->vm_key < y->vm_key ? -1 : 1;
	return x->vcpu < y->vcpu ? -1 : x->vcpu > y->vcpu;
}

/* qsort() must not get NULL, not even for nothing. */
static void sort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	if (n > 0)
		qsort(base, n, size, cmp);
}

void snapshot_sort(struct trace_snapshot *s)
{
	size_t i;

	for (i = 0; i < s->nr_vcpus; i++)
		sort(s->vcpus[i].reasons, s->vcpus[i].nr_reasons, sizeof(struct exit_stat),
		     by_count);
	sort(s->vcpus, s->nr_vcpus, sizeof(struct vcpu_trace), by_vcpu);
}

void snapshot_free(struct trace_snapshot *s)
{
	size_t i;

	for (i = 0; i < s->nr_vcpus; i++)
		free(s->vcpus[i].reasons);
	free(s->vcpus);
	for (i = 0; i < s->nr_parts; i++)
		s->parts[i]->ops->free(s->parts[i]);
	memset(s, 0, sizeof(*s));
}

int part_put(struct trace_snapshot *s, struct part *p)
{
	if (s->nr_parts == MAX_PARTS) {
		p->ops->free(p);
		return -ENOSPC;
	}
	s->parts[s->nr_parts++] = p;
	return 0;
}

struct part *part_get(const struct trace_snapshot *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->nr_parts; i++)
		if (!strcmp(s->parts[i]->ops->name, name))
			return s->parts[i];
	return NULL;
}

bool snapshot_vm_is_process(const struct trace_snapshot *s)
{
	size_t i;

	for (i = 0; i < s->nr_vcpus; i++)
		if (s->vcpus[i].vm_key)
			return false;
	return s->nr_vcpus > 0;
}
