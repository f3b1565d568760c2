// SPDX-License-Identifier: GPL-2.0
/*
 * Exits from single events.
 *
 * The rules are those of bpf/exits.bpf.c, and tests/system/engines-emulated.sh compares the two.
 * The vCPU is known at kvm_entry, so an exit of a thread that has made no entry yet is of no vCPU;
 * an exit waits until the next event of its vCPU books it; a detail belongs to the exit before it,
 * if it is of the kind that has one.
 *
 * What is different: an event names the process and the vCPU's number, but not the VM. Two VMs of
 * one process are told apart when both are seen in guest mode with the same number at the same
 * time, which one vCPU cannot be.
 */
#include "core/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/pair.h"

/* One vCPU. */
struct vcpu_state {
	struct vcpu_trace t;	/* reasons: what has been booked, in order of appearance */
	struct pair pair;
	size_t last;		/* index of the reason booked last */
	uint32_t isa;		/* of the exit under way */
	uint64_t reason;
	uint64_t detail;	/* number + 1, 0 = none */
	bool pending;		/* there is an exit under way */
};

/* Which vCPU a thread runs; in an open hash table, never removed. */
struct thread {
	pid_t tid;		/* 0 = free */
	uint32_t vcpu;		/* index into vcpus */
};

struct replay {
	struct replay_opts opts;
	struct vcpu_state *vcpus;
	size_t nr_vcpus, max_vcpus;
	struct thread *threads;
	size_t nr_threads, size;	/* @size: of the table, a power of two */
	struct ledger ledger;		/* events: not kept here, but summed up */
};

/* ---- threads ---- */

/* The entry of @tid, or the free one where it would be. */
static struct thread *thread_slot(struct thread *table, size_t size, pid_t tid)
{
	size_t i = (uint32_t)tid * 2654435761u & (size - 1);

	while (table[i].tid && table[i].tid != tid)
		i = (i + 1) & (size - 1);
	return &table[i];
}

static int grow_threads(struct replay *r)
{
	size_t i, size = r->size ? 2 * r->size : 64;
	struct thread *table = calloc(size, sizeof(*table));

	if (!table)
		return -ENOMEM;
	for (i = 0; i < r->size; i++)
		if (r->threads[i].tid)
			*thread_slot(table, size, r->threads[i].tid) = r->threads[i];
	free(r->threads);
	r->threads = table;
	r->size = size;
	return 0;
}

static struct vcpu_state *vcpu_of_thread(const struct replay *r, const struct kvm_event *e)
{
	const struct thread *t = thread_slot(r->threads, r->size, e->tid);
	struct vcpu_state *v = t->tid ? &r->vcpus[t->vcpu] : NULL;

	/* Thread ids come again, in other processes. */
	return v && v->t.vm == e->tgid ? v : NULL;
}

static int set_thread(struct replay *r, pid_t tid, size_t vcpu)
{
	struct thread *t;

	if (2 * (r->nr_threads + 1) > r->size && grow_threads(r))
		return -ENOMEM;
	t = thread_slot(r->threads, r->size, tid);
	r->nr_threads += !t->tid;
	*t = (struct thread){ tid, (uint32_t)vcpu };
	return 0;
}

/* ---- vCPUs ---- */

/* A vCPU is not in the guest twice: then this thread runs one of another VM. */
static bool taken(const struct vcpu_state *v, pid_t tid)
{
	return v->t.tid != tid && v->pair.where == PAIR_IN_GUEST;
}

/* The vCPU that an entry is of; NULL without memory. */
static struct vcpu_state *vcpu_of_entry(struct replay *r, const struct kvm_event *e)
{
	struct vcpu_state *v = vcpu_of_thread(r, e);
	uint64_t vm_key = 0;
	size_t i;

	if (v && v->t.vcpu == e->vcpu && !taken(v, e->tid))
		return v;
	for (i = 0; i < r->nr_vcpus; i++) {
		v = &r->vcpus[i];
		if (v->t.vm != e->tgid || v->t.vcpu != e->vcpu)
			continue;
		if (!taken(v, e->tid))
			return set_thread(r, e->tid, i) ? NULL : v;
		vm_key = v->t.vm_key + 1;
	}
	if (r->nr_vcpus == r->max_vcpus) {
		size_t max = r->max_vcpus ? 2 * r->max_vcpus : 8;

		v = realloc(r->vcpus, max * sizeof(*v));
		if (!v)
			return NULL;
		r->vcpus = v;
		r->max_vcpus = max;
	}
	if (set_thread(r, e->tid, r->nr_vcpus))
		return NULL;
	v = &r->vcpus[r->nr_vcpus++];
	*v = (struct vcpu_state){ .t = { .vm = e->tgid, .vm_key = vm_key, .vcpu = e->vcpu } };
	return v;
}

/* ---- exits ---- */

static bool is_reason(const struct exit_stat *x, const struct vcpu_state *v)
{
	return x->isa == v->isa && x->reason == v->reason && x->has_detail == !!v->detail &&
	       (!v->detail || x->detail == v->detail - 1);
}

/* The row of the exit under way; NULL without memory. */
static struct exit_stat *reason_row(struct vcpu_state *v)
{
	struct exit_stat *x;
	size_t i;

	if (v->last < v->t.nr_reasons && is_reason(&v->t.reasons[v->last], v))
		return &v->t.reasons[v->last];
	for (i = 0; i < v->t.nr_reasons && !is_reason(&v->t.reasons[i], v); i++)
		;
	if (i == v->t.nr_reasons) {
		x = realloc(v->t.reasons, (i + 1) * sizeof(*x));
		if (!x)
			return NULL;
		v->t.reasons = x;
		v->t.nr_reasons++;
		x[i] = (struct exit_stat){ .isa = v->isa, .reason = v->reason,
			.has_detail = v->detail > 0, .detail = v->detail ? v->detail - 1 : 0 };
	}
	v->last = i;
	return &v->t.reasons[i];
}

/* Books the exit under way, if there is one; @ns is its handling time if @timed. */
static void book_exit(struct replay *r, struct vcpu_state *v, bool timed, uint64_t ns)
{
	struct exit_stat *x;

	if (!v->pending)
		return;
	v->pending = false;
	x = reason_row(v);
	if (!x) {
		r->ledger.map_full++;
		return;
	}
	x->count++;
	if (!timed)
		return;
	if (!x->timed || ns < x->min_ns)
		x->min_ns = ns;
	if (ns > x->max_ns)
		x->max_ns = ns;
	x->timed++;
	x->total_ns += ns;
	x->hist.n[hist_index(ns)]++;
}

/* What comes next has no time. */
static void end_pair(struct replay *r, struct vcpu_state *v)
{
	book_exit(r, v, false, 0);
	v->pair.where = PAIR_UNKNOWN;
}

static bool cpu_is_wanted(const struct replay *r, const struct kvm_event *e)
{
	const struct cpu_list *c = r->opts.cpus;

	return !c || e->cpu < 0 ||
	       (e->cpu < CPU_LIST_MAX && c->mask[e->cpu / 64] & 1ull << e->cpu % 64);
}

static void take_entry(struct replay *r, const struct kvm_event *e)
{
	struct vcpu_state *v = vcpu_of_entry(r, e);
	enum pair_result result;
	unsigned long long ns;

	if (!v) {
		r->ledger.map_full++;
		return;
	}
	result = pair_entry(&v->pair, e->ts_ns, &ns);
	v->t.tid = e->tid;
	if (cpu_is_wanted(r, e)) {
		v->t.entries++;
		r->ledger.unmatched_entries += result == PAIR_UNMATCHED;
	}
	book_exit(r, v, result == PAIR_TIMED, ns);
}

static void take_exit(struct replay *r, struct vcpu_state *v, const struct kvm_event *e)
{
	unsigned long long ns;

	if (!v) {
		r->ledger.unknown_exits += cpu_is_wanted(r, e);
		return;
	}
	book_exit(r, v, false, 0);
	if (!cpu_is_wanted(r, e)) {
		/* Neither this exit nor the next entry is without its partner. */
		v->pair.where = PAIR_UNKNOWN;
		v->t.other_cpus++;
		r->ledger.other_cpus++;
		return;
	}
	v->isa = e->isa;
	v->reason = e->reason;
	v->detail = 0;
	v->pending = true;
	v->t.exits++;
	r->ledger.unmatched_exits += pair_exit(&v->pair, e->ts_ns, &ns) == PAIR_UNMATCHED;
	v->t.guest_ns += ns;
}

/*
 * Whether exits of this kind have that detail. KVM emulates RDMSR, IN and the like after other
 * exits, too: those are not MSR exits.
 */
static bool has_detail(const struct vcpu_state *v, enum kvm_event_type type, unsigned int wanted)
{
	bool svm = v->isa == 2;

	switch (type) {
	case KVM_EVENT_MSR:	/* SVM_EXIT_MSR; EXIT_REASON_MSR_READ, _WRITE */
		return wanted & DETAIL_MSR &&
		       (svm ? v->reason == 0x7c : v->reason == 31 || v->reason == 32);
	case KVM_EVENT_PIO:	/* SVM_EXIT_IOIO; EXIT_REASON_IO_INSTRUCTION */
		return wanted & DETAIL_PORT && v->reason == (svm ? 0x7b : 30);
	case KVM_EVENT_MMIO:
	case KVM_EVENT_PAGE_FAULT:
	case KVM_EVENT_FAST_MMIO: /* SVM_EXIT_NPF; EXIT_REASON_EPT_VIOLATION, _MISCONFIG */
		return wanted & DETAIL_GPA &&
		       (svm ? v->reason == 0x400 : v->reason == 48 || v->reason == 49);
	default:
		return false;
	}
}

static void take_detail(struct replay *r, struct vcpu_state *v, const struct kvm_event *e)
{
	uint64_t d = e->detail;

	if (!v || !v->pending || v->detail || !has_detail(v, e->type, r->opts.detail))
		return;
	if (e->type == KVM_EVENT_PIO)
		d |= e->write ? 0x10000 : 0;
	else if (e->type != KVM_EVENT_MSR)
		d >>= 12;	/* the page */
	v->detail = d + 1;
}

/* ---- the interface ---- */

struct replay *replay_new(const struct replay_opts *opts)
{
	struct replay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->opts = *opts;
	if (grow_threads(r)) {
		free(r);
		return NULL;
	}
	return r;
}

void replay_event(struct replay *r, const struct kvm_event *e)
{
	struct vcpu_state *v;

	if ((r->opts.pid && r->opts.pid != e->tgid) || e->tid <= 0)
		return;
	v = vcpu_of_thread(r, e);
	if (e->type == KVM_EVENT_ENTRY)
		take_entry(r, e);
	else if (e->type == KVM_EVENT_EXIT)
		take_exit(r, v, e);
	else
		take_detail(r, v, e);
}

void replay_lost(struct replay *r, uint64_t n)
{
	size_t i;

	r->ledger.lost += n;
	for (i = 0; i < r->nr_vcpus; i++)
		end_pair(r, &r->vcpus[i]);
}

static int copy_vcpu(const struct vcpu_state *v, struct vcpu_trace *to)
{
	struct vcpu_state now = *v;
	struct exit_stat *x;

	*to = v->t;
	/* One more, for the exit that is being handled. */
	to->reasons = malloc((v->t.nr_reasons + 1) * sizeof(*to->reasons));
	if (!to->reasons) {
		to->nr_reasons = 0;
		return -ENOMEM;
	}
	if (v->t.nr_reasons)
		memcpy(to->reasons, v->t.reasons, v->t.nr_reasons * sizeof(*to->reasons));
	if (!v->pending)
		return 0;
	now.t.reasons = to->reasons;
	x = reason_row(&now);
	if (!x)
		return -ENOMEM;
	x->count++;
	to->reasons = now.t.reasons;
	to->nr_reasons = now.t.nr_reasons;
	return 0;
}

int replay_snapshot(const struct replay *r, struct trace_snapshot *out)
{
	struct ledger *l = &out->ledger;
	size_t i;
	int ret = 0;

	out->vcpus = calloc(r->nr_vcpus + 1, sizeof(out->vcpus[0]));
	if (!out->vcpus)
		return -ENOMEM;
	for (i = 0; !ret && i < r->nr_vcpus; i++) {
		l->events += r->vcpus[i].t.entries + r->vcpus[i].t.exits;
		ret = copy_vcpu(&r->vcpus[i], &out->vcpus[out->nr_vcpus++]);
	}
	l->map_full += r->ledger.map_full;
	l->unmatched_exits += r->ledger.unmatched_exits;
	l->unmatched_entries += r->ledger.unmatched_entries;
	l->unknown_exits += r->ledger.unknown_exits;
	l->lost += r->ledger.lost;
	l->other_cpus += r->ledger.other_cpus;
	return ret;
}

void replay_free(struct replay *r)
{
	size_t i;

	if (!r)
		return;
	for (i = 0; i < r->nr_vcpus; i++)
		free(r->vcpus[i].t.reasons);
	free(r->vcpus);
	free(r->threads);
	free(r);
}
