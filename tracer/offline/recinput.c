// SPDX-License-Identifier: GPL-2.0
/* A file of exitlab record as a source of KVM's events for counting. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "offline/input.h"
#include "offline/recordfile.h"

struct reading {
	const struct input_ops *ops;
	struct input_info *info;
	pid_t *tgid;		/* by the number of the VM; 0 = unknown */
	size_t nr_tgids;
};

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static uint64_t whole(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v < 0 ? 0 : (uint64_t)v;
}

static int set_tgid(struct reading *x, size_t vm, pid_t pid)
{
	size_t n = x->nr_tgids;
	pid_t *more;

	if (vm >= n) {
		more = realloc(x->tgid, (2 * vm + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		x->tgid = more;
		x->nr_tgids = 2 * vm + 1;
		memset(more + n, 0, (x->nr_tgids - n) * sizeof(*more));
	}
	x->tgid[vm] = pid;
	return 0;
}

static int take_names(struct reading *x, const json_t *o)
{
	size_t i, vm;
	json_t *v;
	int ret;

	json_array_foreach(json_object_get(o, "vms"), i, v) {
		pid_t pid = (pid_t)(whole(v, "pid") & INT32_MAX);
		const char *name = text(v, "name");

		vm = whole(v, "vm");
		if (!vm || vm > UINT16_MAX)
			continue;
		ret = set_tgid(x, vm, pid);
		if (ret)
			return ret;
		if (!pid || !*name || !x->ops->names)
			continue;
		ret = names_add(x->ops->names, pid, name);
		if (ret)
			return ret;
	}
	return 0;
}

static void take_ledger(struct reading *x, const json_t *o)
{
	size_t i;
	json_t *v;

	x->info->lost = 0;
	json_array_foreach(json_object_get(o, "events"), i, v)
		x->info->lost += whole(v, "lost");
	x->info->skipped = whole(o, "skipped_by_kernel");
	x->info->end_ns = whole(o, "end_ns");
}

static int take_json(enum recfile_block type, const json_t *o, void *arg)
{
	struct reading *x = arg;

	switch (type) {
	case RECFILE_INFO:
		snprintf(x->info->kernel, sizeof(x->info->kernel), "%s", text(o, "kernel"));
		x->info->start_ns = whole(o, "start_ns");
		x->info->start_time = json_number_value(json_object_get(o, "start_time"));
		return 0;
	case RECFILE_NAMES:
		return take_names(x, o);
	case RECFILE_LEDGER:
		take_ledger(x, o);
		return 0;
	default:
		return 0;
	}
}

/* Without an effect on counts: -1. */
static int kind(unsigned int type)
{
	switch (type) {
	case REC_KVM_ENTRY:
		return KVM_EVENT_ENTRY;
	case REC_KVM_EXIT:
		return KVM_EVENT_EXIT;
	case REC_KVM_MSR:
		return KVM_EVENT_MSR;
	case REC_KVM_PIO:
		return KVM_EVENT_PIO;
	case REC_KVM_MMIO:
		return KVM_EVENT_MMIO;
	case REC_KVM_PAGE_FAULT:
		return KVM_EVENT_PAGE_FAULT;
	case REC_KVM_FAST_MMIO:
		return KVM_EVENT_FAST_MMIO;
	default:
		return -1;
	}
}

static int take_event(const struct trace_event *t, void *arg)
{
	struct reading *x = arg;
	struct kvm_event e = { .ts_ns = t->ts_ns, .tid = (pid_t)(t->tid & INT32_MAX),
		.tgid = t->vm < x->nr_tgids ? x->tgid[t->vm] : 0, .cpu = t->cpu,
		.vcpu = t->vcpu, .isa = t->flags, .reason = t->a, .detail = t->a,
		.write = t->flags != 0 };

	if (t->type == REC_LOST)
		x->ops->lost(t->a, x->ops->arg);
	if (kind(t->type) < 0 || !e.tid)
		return 0;
	e.type = (enum kvm_event_type)kind(t->type);
	if (e.type == KVM_EVENT_ENTRY)
		e.vcpu = (int)(t->a & INT32_MAX);
	else if (e.type == KVM_EVENT_MMIO)
		e.write = t->flags == 2;	/* KVM_TRACE_MMIO_WRITE */
	else if (e.type == KVM_EVENT_PAGE_FAULT)
		e.write = t->b & 2;		/* PFERR_WRITE_MASK */
	else if (e.type == KVM_EVENT_FAST_MMIO)
		e.write = true;
	x->info->events++;
	if (t->ts_ns > x->info->end_ns)
		x->info->end_ns = t->ts_ns;
	return x->ops->event(&e, x->ops->arg);
}

int recfile_input(struct reader *r, const struct input_ops *ops, struct input_info *info)
{
	static const struct recfile_ops file_ops = { .json = take_json, .event = take_event };
	struct reading *x = calloc(1, sizeof(*x));
	struct recfile_end end;
	int ret;

	if (!x)
		return -ENOMEM;
	info->format = "exitlab-trace";
	x->ops = ops;
	x->info = info;
	ret = recfile_read(r, &file_ops, x, &end);
	info->cut = end.cut;
	info->cut_at = end.cut_at;
	free(x->tgid);
	free(x);
	return ret;
}
