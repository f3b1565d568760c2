// SPDX-License-Identifier: GPL-2.0
/*
 * Differences of snapshots taken while everything runs.
 *
 * The hard part is that a running snapshot is not of one moment. The engine counts an exit that is
 * being handled when it looks at the vCPU, and looks at the sums a little later: the same exit may
 * be booked by then, and is there twice. The next snapshot has it once, and the difference would be
 * negative. So an untimed exit is not believed while its vCPU runs: at most two of a reason can be
 * wrong (one twice, one half written), and these are held back until either the vCPU has made no
 * event between two snapshots, which makes the older one exact, or the measurement is over. What is
 * handed out therefore never exceeds the truth, and its sum is the truth.
 */
#include "out/delta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/part.h"

#define IN_DOUBT 2

/* One reason: what was handed out in total, and what the last snapshot said. */
struct told_reason {
	struct exit_stat s;
	uint64_t raw_count;
};

struct told_vcpu {
	pid_t vm;
	uint64_t vm_key;
	int vcpu;
	uint64_t entries, guest_ns, guest_timed, guest_more;
	uint64_t exits;			/* handed out */
	uint64_t raw_entries, raw_exits;	/* of the last snapshot */
	struct told_reason *reasons;
	size_t nr_reasons;
};

struct delta {
	struct told_vcpu *vcpus;
	size_t nr_vcpus;
	uint64_t duration_ns, run_cnt, run_ns;
	struct ledger ledger;
	struct part *parts[MAX_PARTS];	/* as of the last step */
};

struct delta *delta_new(void)
{
	return calloc(1, sizeof(struct delta));
}

void delta_free(struct delta *d)
{
	size_t i;

	if (!d)
		return;
	for (i = 0; i < d->nr_vcpus; i++)
		free(d->vcpus[i].reasons);
	for (i = 0; i < MAX_PARTS; i++)
		if (d->parts[i])
			d->parts[i]->ops->free(d->parts[i]);
	free(d->vcpus);
	free(d);
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static struct told_vcpu *told_vcpu(struct delta *d, const struct vcpu_trace *v)
{
	struct told_vcpu *t;
	size_t i;

	for (i = 0; i < d->nr_vcpus; i++) {
		t = &d->vcpus[i];
		if (t->vm == v->vm && t->vm_key == v->vm_key && t->vcpu == v->vcpu)
			return t;
	}
	t = realloc(d->vcpus, (d->nr_vcpus + 1) * sizeof(*t));
	if (!t)
		return NULL;
	d->vcpus = t;
	t += d->nr_vcpus++;
	*t = (struct told_vcpu){ .vm = v->vm, .vm_key = v->vm_key, .vcpu = v->vcpu };
	return t;
}

static struct told_reason *told_reason(struct told_vcpu *v, const struct exit_stat *r)
{
	struct told_reason *t;
	size_t i;

	for (i = 0; i < v->nr_reasons; i++) {
		t = &v->reasons[i];
		if (t->s.isa == r->isa && t->s.reason == r->reason &&
		    t->s.has_detail == r->has_detail && t->s.detail == r->detail)
			return t;
	}
	t = realloc(v->reasons, (v->nr_reasons + 1) * sizeof(*t));
	if (!t)
		return NULL;
	v->reasons = t;
	t += v->nr_reasons++;
	memset(t, 0, sizeof(*t));
	t->s.isa = r->isa;
	t->s.reason = r->reason;
	t->s.has_detail = r->has_detail;
	t->s.detail = r->detail;
	return t;
}

/* How many of @r are sure to have happened. */
static uint64_t settled(const struct told_reason *t, const struct exit_stat *r, bool quiet,
			bool final)
{
	uint64_t sure = r->timed + minus(r->count, r->timed + IN_DOUBT);

	if (final)
		return r->count;
	if (quiet && t->raw_count > sure)
		sure = t->raw_count;
	return sure > t->s.count ? sure : t->s.count;
}

/* Smallest and largest time of a step, from its histogram and the bounds of the whole. */
static void step_bounds(struct exit_stat *out, const struct exit_stat *now,
			const struct exit_stat *before)
{
	unsigned int lo = 0, hi = HIST_BUCKETS - 1;

	if (!out->timed)
		return;
	while (lo < HIST_BUCKETS - 1 && !out->hist.n[lo])
		lo++;
	while (hi > 0 && !out->hist.n[hi])
		hi--;
	out->min_ns = hist_lower(lo) > now->min_ns ? hist_lower(lo) : now->min_ns;
	out->max_ns = hist_upper(hi) < now->max_ns ? hist_upper(hi) : now->max_ns;
	if (!before->timed || now->max_ns > before->max_ns)
		out->max_ns = now->max_ns;
	if (!before->timed || now->min_ns < before->min_ns)
		out->min_ns = now->min_ns;
}

/* @out = difference, and @t follows. */
static void step_reason(struct told_reason *t, const struct exit_stat *now, uint64_t count,
			struct exit_stat *out)
{
	unsigned int i;

	*out = (struct exit_stat){ .isa = now->isa, .reason = now->reason, .detail = now->detail,
				   .has_detail = now->has_detail };
	out->count = minus(count, t->s.count);
	out->timed = minus(now->timed, t->s.timed);
	out->total_ns = minus(now->total_ns, t->s.total_ns);
	out->skipped = minus(now->skipped, t->s.skipped);
	out->weight_more = minus(now->weight_more, t->s.weight_more);
	out->square_more = minus(now->square_more, t->s.square_more);
	for (i = 0; i < HIST_BUCKETS; i++)
		out->hist.n[i] = minus(now->hist.n[i], t->s.hist.n[i]);
	step_bounds(out, now, &t->s);
	t->s = *now;
	t->s.count = count;
	t->raw_count = now->count;
}

static int step_vcpu(struct told_vcpu *t, const struct vcpu_trace *now, bool final, bool complete,
		     struct vcpu_trace *out)
{
	bool quiet = t->raw_entries == now->entries && t->raw_exits == now->exits;
	uint64_t sum = 0;
	size_t i;

	*out = (struct vcpu_trace){ .vm = now->vm, .vm_key = now->vm_key, .vcpu = now->vcpu,
				    .tid = now->tid, .entries = minus(now->entries, t->entries),
				    .guest_ns = minus(now->guest_ns, t->guest_ns),
				    .guest_timed = minus(now->guest_timed, t->guest_timed),
				    .guest_more = minus(now->guest_more, t->guest_more) };
	out->reasons = calloc(now->nr_reasons + 1, sizeof(out->reasons[0]));
	if (!out->reasons)
		return -ENOMEM;
	for (i = 0; i < now->nr_reasons; i++) {
		struct exit_stat *r = &out->reasons[out->nr_reasons];
		struct told_reason *tr = told_reason(t, &now->reasons[i]);

		if (!tr)
			return -ENOMEM;
		step_reason(tr, &now->reasons[i], settled(tr, &now->reasons[i], quiet, final), r);
		sum += tr->s.count;
		out->skipped += r->skipped;
		out->nr_reasons += r->count || r->timed;
	}
	/* The rows add up, except where a full map has swallowed some. */
	if (final || !complete)
		sum = now->exits > t->exits ? now->exits : t->exits;
	out->exits = minus(sum, t->exits);
	t->exits = sum;
	t->entries = now->entries > t->entries ? now->entries : t->entries;
	t->guest_ns = now->guest_ns > t->guest_ns ? now->guest_ns : t->guest_ns;
	t->guest_timed = now->guest_timed;
	t->guest_more = now->guest_more;
	t->raw_entries = now->entries;
	t->raw_exits = now->exits;
	return 0;
}

static struct ledger step_ledger(const struct ledger *now, const struct ledger *before)
{
	return (struct ledger){
		.events = minus(now->events, before->events),
		.map_full = minus(now->map_full, before->map_full),
		.other_cpus = minus(now->other_cpus, before->other_cpus),
		.detail_full = minus(now->detail_full, before->detail_full),
		.recursion_missed = minus(now->recursion_missed, before->recursion_missed),
		.unmatched_exits = minus(now->unmatched_exits, before->unmatched_exits),
		.unmatched_entries = minus(now->unmatched_entries, before->unmatched_entries),
		.unknown_exits = minus(now->unknown_exits, before->unknown_exits),
		.lost = minus(now->lost, before->lost),
	};
}

/* The signals' parts are in the same order every time. */
static int step_parts(struct delta *d, const struct trace_snapshot *now, struct trace_snapshot *out)
{
	size_t i;

	for (i = 0; i < now->nr_parts; i++) {
		const struct part_ops *ops = now->parts[i]->ops;
		struct part *step = ops->delta(now->parts[i], d->parts[i]);
		struct part *copy = ops->delta(now->parts[i], NULL);

		if (step)
			part_put(out, step);
		if (copy) {
			if (d->parts[i])
				ops->free(d->parts[i]);
			d->parts[i] = copy;
		}
		if (!step || !copy)
			return -ENOMEM;
	}
	return 0;
}

int delta_step(struct delta *d, const struct trace_snapshot *now, bool final,
	       struct trace_snapshot *out)
{
	size_t i;
	int ret = 0;

	*out = (struct trace_snapshot){ .duration_ns = minus(now->duration_ns, d->duration_ns),
		.ledger = step_ledger(&now->ledger, &d->ledger), .nr_probes = now->nr_probes,
		.time = now->time, .time_every = now->time_every,
		.run_cnt = minus(now->run_cnt, d->run_cnt),
		.run_ns = minus(now->run_ns, d->run_ns), .cost_of_reader = now->cost_of_reader };
	memcpy(out->probes, now->probes, sizeof(out->probes));
	out->vcpus = calloc(now->nr_vcpus + 1, sizeof(out->vcpus[0]));
	if (!out->vcpus)
		return -ENOMEM;
	for (i = 0; i < now->nr_vcpus && !ret; i++) {
		struct vcpu_trace *v = &out->vcpus[out->nr_vcpus];
		struct told_vcpu *t = told_vcpu(d, &now->vcpus[i]);

		ret = t ? step_vcpu(t, &now->vcpus[i], final, !now->ledger.map_full, v) : -ENOMEM;
		if (!ret && !v->entries && !v->exits && !v->nr_reasons) {
			free(v->reasons);
			*v = (struct vcpu_trace){ 0 };
			continue;
		}
		out->nr_vcpus += t != NULL;
	}
	if (!ret)
		ret = step_parts(d, now, out);
	if (ret) {
		snapshot_free(out);
		return ret;
	}
	d->duration_ns = now->duration_ns;
	d->ledger = now->ledger;
	d->run_cnt = now->run_cnt;
	d->run_ns = now->run_ns;
	snapshot_sort(out);
	return 0;
}
