// SPDX-License-Identifier: GPL-2.0
/*
 * The exporter's counters. The hard part is that they must not go backwards: the engine may be
 * started anew under them, and VMs end. So they are sums of steps, kept here, by the VM's name.
 */
#include "cmd/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cmd/metrics_parts.h"
#include "core/estimate.h"
#include "core/reason.h"
#include "out/halt.h"
#include "out/prom.h"

/* Upper ends of the histogram's buckets: 2^n ns, where the tracer's own buckets end, too. */
static const unsigned char bucket_bits[] = { 10, 12, 14, 16, 18, 20, 22, 24, 27, 30, 33 };
#define NR_BUCKETS (sizeof(bucket_bits) / sizeof(bucket_bits[0]))

enum { WORK, HALT, NR_CLASSES };
static const char *const class_name[NR_CLASSES] = { "handling", "halt" };

/* One vCPU of a VM, or all of them. */
struct series {
	char vm[VM_NAME_MAX + 16];
	int vcpu;			/* -1 = the whole VM */
	uint64_t guest_ns, entries;
	struct exit_stat *reasons;
	size_t nr_reasons;
};

struct vm_total {
	char vm[VM_NAME_MAX + 16];
	uint64_t kvm_exits;
	struct hist hist[NR_CLASSES];
	uint64_t sum_ns[NR_CLASSES];
	bool there, running, blind;
	int vcpus;
};

struct metrics {
	struct metrics_opts o;
	bool up;		/* there has been a look */
	struct series *series;
	size_t nr_series;
	struct vm_total *vms;
	size_t nr_vms;
	struct ledger ledger;
	struct probe_info probes[MAX_PROBES];
	size_t nr_probes;
	uint64_t run_cnt, run_ns, restarts;
	bool cost_of_reader;
	bool kvm_known;
	struct metrics_parts parts;
};

struct metrics *metrics_new(const struct metrics_opts *o)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (m)
		m->o = *o;
	return m;
}

void metrics_free(struct metrics *m)
{
	size_t i;

	if (!m)
		return;
	for (i = 0; i < m->nr_series; i++)
		free(m->series[i].reasons);
	free(m->series);
	metrics_parts_free(&m->parts);
	free(m->vms);
	free(m);
}

static struct vm_total *total_of(struct metrics *m, const char *vm)
{
	struct vm_total *t;
	size_t i;

	for (i = 0; i < m->nr_vms; i++)
		if (!strcmp(m->vms[i].vm, vm))
			return &m->vms[i];
	t = realloc(m->vms, (m->nr_vms + 1) * sizeof(*t));
	if (!t)
		return NULL;
	m->vms = t;
	t += m->nr_vms++;
	memset(t, 0, sizeof(*t));
	snprintf(t->vm, sizeof(t->vm), "%s", vm);
	return t;
}

static struct series *series_of(struct metrics *m, const char *vm, int vcpu)
{
	struct series *s;
	size_t i;

	for (i = 0; i < m->nr_series; i++)
		if (m->series[i].vcpu == vcpu && !strcmp(m->series[i].vm, vm))
			return &m->series[i];
	s = realloc(m->series, (m->nr_series + 1) * sizeof(*s));
	if (!s)
		return NULL;
	m->series = s;
	s += m->nr_series++;
	*s = (struct series){ .vcpu = vcpu };
	snprintf(s->vm, sizeof(s->vm), "%s", vm);
	return s;
}

static struct exit_stat *reason_of(struct series *s, const struct exit_stat *r)
{
	struct exit_stat *e;
	size_t i;

	for (i = 0; i < s->nr_reasons; i++) {
		e = &s->reasons[i];
		if (e->isa == r->isa && e->reason == r->reason && e->has_detail == r->has_detail &&
		    e->detail == r->detail)
			return e;
	}
	e = realloc(s->reasons, (s->nr_reasons + 1) * sizeof(*e));
	if (!e)
		return NULL;
	s->reasons = e;
	e += s->nr_reasons++;
	memset(e, 0, sizeof(*e));
	e->isa = r->isa;
	e->reason = r->reason;
	e->has_detail = r->has_detail;
	e->detail = r->detail;
	return e;
}

static int add_vcpu(struct metrics *m, const char *vm, const struct vcpu_trace *v)
{
	struct series *s = series_of(m, vm, m->o.per_vcpu ? v->vcpu : -1);
	struct vm_total *t = total_of(m, vm);
	size_t i;

	if (!s || !t)
		return -ENOMEM;
	s->guest_ns += estimate_guest(v);
	s->entries += v->entries;
	for (i = 0; i < v->nr_reasons; i++) {
		const struct exit_stat *r = &v->reasons[i];
		struct exit_stat *e = reason_of(s, r);
		int class = exit_is_halt(r) ? HALT : WORK;

		if (!e)
			return -ENOMEM;
		e->count += r->count;
		e->timed += r->timed;
		/* Sums of estimates, one per look, so that they never go back. */
		e->total_ns += estimate_total(r);
		t->sum_ns[class] += estimate_total(r);
		hist_merge(&t->hist[class], &r->hist);
	}
	return 0;
}

/* VMs that the watch has forgotten. */
static void drop_gone(struct metrics *m)
{
	size_t i, k, n = 0;

	for (i = 0; i < m->nr_series; i++) {
		for (k = 0; k < m->nr_vms && strcmp(m->vms[k].vm, m->series[i].vm); k++)
			;
		if (k < m->nr_vms && m->vms[k].there)
			m->series[n++] = m->series[i];
		else
			free(m->series[i].reasons);
	}
	m->nr_series = n;
	for (i = n = 0; i < m->nr_vms; i++)
		if (m->vms[i].there)
			m->vms[n++] = m->vms[i];
	m->nr_vms = n;
}

static void add_ledger(struct metrics *m, const struct watch_view *v)
{
	const struct ledger *l = &v->step.ledger;

	m->ledger.events += l->events;
	m->ledger.lost += l->lost;
	m->ledger.map_full += l->map_full;
	m->ledger.detail_full += l->detail_full;
	m->ledger.recursion_missed += l->recursion_missed;
	m->ledger.unknown_exits += l->unknown_exits;
	m->ledger.unmatched_exits += l->unmatched_exits;
	m->ledger.unmatched_entries += l->unmatched_entries;
	m->run_cnt += v->step.run_cnt;
	m->run_ns += v->step.run_ns;
	m->cost_of_reader = v->step.cost_of_reader;
	m->restarts = v->restarts;
	m->kvm_known = v->kvm_known;
	m->nr_probes = v->step.nr_probes;
	memcpy(m->probes, v->step.probes, sizeof(m->probes));
}

/* The VM that vCPU @v belongs to: the running one of that pid, else the last. */
static const struct watch_vm *vm_of(const struct watch_view *view, pid_t pid)
{
	const struct watch_vm *found = NULL;
	size_t i;

	for (i = 0; i < view->nr_vms; i++)
		if (view->vms[i].pid == pid && (!found || !view->vms[i].ended_ns))
			found = &view->vms[i];
	return found;
}

int metrics_add(struct metrics *m, const struct watch_view *v)
{
	size_t i;
	int ret = 0;

	m->up = true;
	for (i = 0; i < m->nr_vms; i++) {
		m->vms[i].there = m->vms[i].running = m->vms[i].blind = false;
		m->vms[i].vcpus = 0;
	}
	for (i = 0; i < v->nr_vms; i++) {
		struct vm_total *t = total_of(m, v->vms[i].label);

		if (!t)
			return -ENOMEM;
		t->there = true;
		t->running |= !v->vms[i].ended_ns;
		t->blind |= watch_blind(&v->vms[i]);
		t->vcpus += v->vms[i].vcpus;
		t->kvm_exits += v->vms[i].kvm_exits;
	}
	for (i = 0; i < v->step.nr_vcpus && !ret; i++) {
		const struct watch_vm *vm = vm_of(v, v->step.vcpus[i].vm);

		if (vm)
			ret = add_vcpu(m, vm->label, &v->step.vcpus[i]);
	}
	if (!ret)
		ret = metrics_parts_add(&m->parts, v);
	drop_gone(m);
	add_ledger(m, v);
	return ret;
}

/* ---- text ---- */

static const char *vcpu_label(const struct series *s, char *buf, size_t size)
{
	if (s->vcpu < 0)
		return NULL;
	snprintf(buf, size, "%d", s->vcpu);
	return buf;
}

enum of_reason { EXITS, TIMED, SECONDS };

static void write_reasons(const struct metrics *m, FILE *f, const char *name, enum of_reason what)
{
	char vcpu[16], isa[16], reason[64], msr[32];
	size_t i, k;

	for (i = 0; i < m->nr_series; i++) {
		const struct series *s = &m->series[i];

		for (k = 0; k < s->nr_reasons; k++) {
			const struct exit_stat *e = &s->reasons[k];
			const char *detail = !e->has_detail ? NULL :
				detail_name(e->isa, e->reason, e->detail, msr, sizeof(msr));
#define LABELS "vm", s->vm, "vcpu", vcpu_label(s, vcpu, sizeof(vcpu)), \
	       "isa", isa_name(e->isa, isa, sizeof(isa)), \
	       "reason", reason_name(e->isa, e->reason, reason, sizeof(reason)), \
	       "detail", detail, (char *)NULL
			if (what == SECONDS)
				prom_seconds(f, name, e->total_ns, LABELS);
			else
				prom_count(f, name, what == TIMED ? e->timed : e->count, LABELS);
#undef LABELS
		}
	}
}

static void write_vcpus(const struct metrics *m, FILE *f)
{
	char vcpu[16];
	size_t i;

	prom_family(f, "exitlab_guest_seconds_total", "counter",
		    "Time between VM entries and exits: what the guest got.");
	for (i = 0; i < m->nr_series; i++)
		prom_seconds(f, "exitlab_guest_seconds_total", m->series[i].guest_ns,
			     "vm", m->series[i].vm,
			     "vcpu", vcpu_label(&m->series[i], vcpu, sizeof(vcpu)), (char *)NULL);
	prom_family(f, "exitlab_entries_total", "counter", "VM entries.");
	for (i = 0; i < m->nr_series; i++)
		prom_count(f, "exitlab_entries_total", m->series[i].entries, "vm", m->series[i].vm,
			   "vcpu", vcpu_label(&m->series[i], vcpu, sizeof(vcpu)), (char *)NULL);
}

static void write_histogram(FILE *f, const struct vm_total *t, int class)
{
	const struct hist *h = &t->hist[class];
	uint64_t n = 0;
	unsigned int i = 0;
	char le[32];
	size_t b;

	for (b = 0; b < NR_BUCKETS; b++) {
		uint64_t end = 1ull << bucket_bits[b];

		for (; i < HIST_BUCKETS && hist_upper(i) < end; i++)
			n += h->n[i];
		/* All values are whole nanoseconds: below 2^n is at most 2^n - 1. */
		snprintf(le, sizeof(le), "%.9f", (double)(end - 1) / 1e9);
		prom_count(f, "exitlab_exit_duration_seconds_bucket", n, "vm", t->vm,
			   "class", class_name[class], "le", le, (char *)NULL);
	}
	n = hist_count(h);
	prom_count(f, "exitlab_exit_duration_seconds_bucket", n, "vm", t->vm,
		   "class", class_name[class], "le", "+Inf", (char *)NULL);
	prom_seconds(f, "exitlab_exit_duration_seconds_sum", t->sum_ns[class], "vm", t->vm,
		     "class", class_name[class], (char *)NULL);
	prom_count(f, "exitlab_exit_duration_seconds_count", n, "vm", t->vm,
		   "class", class_name[class], (char *)NULL);
}

static void write_vms(const struct metrics *m, FILE *f)
{
	size_t i;
	int c;

	if (m->o.histograms) {
		prom_family(f, "exitlab_exit_duration_seconds", "histogram",
			    "Time from an exit to the next entry; class halt is HLT and MWAIT.");
		for (i = 0; i < m->nr_vms; i++)
			for (c = 0; c < NR_CLASSES && !m->vms[i].blind; c++)
				write_histogram(f, &m->vms[i], c);
	}
	prom_family(f, "exitlab_vm_running", "gauge", "1 while the VM runs; 0 after its end.");
	for (i = 0; i < m->nr_vms; i++)
		prom_count(f, "exitlab_vm_running", m->vms[i].running, "vm", m->vms[i].vm,
			   (char *)NULL);
	prom_family(f, "exitlab_vm_vcpus", "gauge", "vCPUs of the VM.");
	for (i = 0; i < m->nr_vms; i++)
		prom_count(f, "exitlab_vm_vcpus", (uint64_t)m->vms[i].vcpus, "vm", m->vms[i].vm,
			   (char *)NULL);
	if (!m->kvm_known)
		return;
	prom_family(f, "exitlab_kvm_exits_total", "counter",
		    "Exits by KVM's own counter, an independent witness.");
	for (i = 0; i < m->nr_vms; i++)
		prom_count(f, "exitlab_kvm_exits_total", m->vms[i].kvm_exits, "vm", m->vms[i].vm,
			   (char *)NULL);
	prom_family(f, "exitlab_vm_blind", "gauge",
		    "1 if KVM counts exits of this VM but never calls the kvm_exit tracepoint.");
	for (i = 0; i < m->nr_vms; i++)
		prom_count(f, "exitlab_vm_blind", m->vms[i].blind, "vm", m->vms[i].vm,
			   (char *)NULL);
}

static void write_ledger(const struct metrics *m, FILE *f)
{
	static const char lost[] = "exitlab_lost_events_total";
	static const char unmatched[] = "exitlab_unmatched_events_total";

	prom_family(f, "exitlab_events_total", "counter", "Events that the tracer has handled.");
	prom_count(f, "exitlab_events_total", m->ledger.events, (char *)NULL);
	prom_family(f, lost, "counter", "Events that were not counted, by cause.");
	prom_count(f, lost, m->ledger.lost, "cause", "ring_full", (char *)NULL);
	prom_count(f, lost, m->ledger.map_full, "cause", "no_room", (char *)NULL);
	prom_count(f, lost, m->ledger.recursion_missed, "cause", "skipped_by_kernel", (char *)NULL);
	prom_count(f, lost, m->ledger.unknown_exits, "cause", "unknown_vcpu", (char *)NULL);
	prom_family(f, "exitlab_exits_without_detail_total", "counter",
		    "Exits counted without their detail, of vCPUs that have too many.");
	prom_count(f, "exitlab_exits_without_detail_total", m->ledger.detail_full, (char *)NULL);
	prom_family(f, unmatched, "counter", "Events out of turn: counted, but without a time.");
	prom_count(f, unmatched, m->ledger.unmatched_exits, "kind", "exit", (char *)NULL);
	prom_count(f, unmatched, m->ledger.unmatched_entries, "kind", "entry", (char *)NULL);
	prom_family(f, "exitlab_tracer_restarts_total", "counter",
		    "Times the tracer started anew: for room, or for a vhost loaded later.");
	prom_count(f, "exitlab_tracer_restarts_total", m->restarts, (char *)NULL);
}

static void write_self(const struct metrics *m, FILE *f)
{
	struct rusage u;
	size_t i;

	prom_family(f, "exitlab_up", "gauge", "1: the tracer is attached; 0: there is no KVM yet.");
	prom_count(f, "exitlab_up", m->up, (char *)NULL);
	prom_family(f, "exitlab_build_info", "gauge", "The version, as a label.");
	prom_count(f, "exitlab_build_info", 1, "version", m->o.version, (char *)NULL);
	prom_family(f, "exitlab_probe_info", "gauge", "How each tracepoint is attached.");
	for (i = 0; i < m->nr_probes; i++)
		prom_count(f, "exitlab_probe_info", 1, "probe", m->probes[i].name,
			   "rung", m->probes[i].rung, (char *)NULL);
	/* Without kernel.bpf_stats_enabled nobody measures it. */
	if (m->cost_of_reader) {
		prom_family(f, "exitlab_reader_events_total", "counter",
			    "Events that the tracer has read from ring buffers.");
		prom_count(f, "exitlab_reader_events_total", m->run_cnt, (char *)NULL);
		prom_family(f, "exitlab_reader_cpu_seconds_total", "counter",
			    "CPU time of reading them; what writing them takes is not in it.");
		prom_seconds(f, "exitlab_reader_cpu_seconds_total", m->run_ns, (char *)NULL);
	} else if (m->run_cnt) {
		prom_family(f, "exitlab_tracer_runs_total", "counter",
			    "Runs of the tracer's programs in the kernel.");
		prom_count(f, "exitlab_tracer_runs_total", m->run_cnt, (char *)NULL);
		prom_family(f, "exitlab_tracer_run_seconds_total", "counter",
			    "CPU time of the tracer's programs in the kernel.");
		prom_seconds(f, "exitlab_tracer_run_seconds_total", m->run_ns, (char *)NULL);
	}
	if (getrusage(RUSAGE_SELF, &u))
		return;
	prom_family(f, "exitlab_exporter_cpu_seconds_total", "counter",
		    "CPU time of the exporter itself.");
	prom_seconds(f, "exitlab_exporter_cpu_seconds_total",
		     (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
		     (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u, (char *)NULL);
}

void metrics_write(const struct metrics *m, FILE *f)
{
	prom_family(f, "exitlab_exits_total", "counter", "VM exits by reason.");
	write_reasons(m, f, "exitlab_exits_total", EXITS);
	prom_family(f, "exitlab_exits_timed_total", "counter",
		    "Exits that were timed; if not all of them, times are estimates.");
	write_reasons(m, f, "exitlab_exits_timed_total", TIMED);
	prom_family(f, "exitlab_exit_handling_seconds_total", "counter",
		    "Time from exits to the next entry, by reason of the exit.");
	write_reasons(m, f, "exitlab_exit_handling_seconds_total", SECONDS);
	write_vcpus(m, f);
	write_vms(m, f);
	metrics_parts_write(&m->parts, f, m->o.per_vcpu);
	write_ledger(m, f);
	write_self(m, f);
}
