// SPDX-License-Identifier: GPL-2.0
/* CSV. Long form, because the reasons of two VMs are not the same and there are more than sixty. */
#include "out/csv.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/estimate.h"
#include "core/reason.h"
#include "engine/part.h"

void csv_field(FILE *f, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, f);
		return;
	}
	fputc('"', f);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', f);
		fputc(*text, f);
	}
	fputc('"', f);
}

void csv_header(FILE *f)
{
	fputs("time,interval,seconds,vm,pid,vcpu,isa,reason,detail,metric,value\n", f);
}

void csv_number(const struct csv_row *r, const char *metric, uint64_t n)
{
	fprintf(r->f, "%.3f,", r->b->time);
	if (r->b->interval)
		fprintf(r->f, "%u", r->b->interval);
	else
		fputs("total", r->f);
	fprintf(r->f, ",%.6f,", r->seconds);
	if (r->vm) {
		csv_field(r->f, r->vm);
		fprintf(r->f, ",%d,", (int)r->pid);
		if (r->vcpu >= 0)
			fprintf(r->f, "%d", r->vcpu);
		fputc(',', r->f);
	} else {
		fputs(",,,", r->f);
	}
	csv_field(r->f, r->isa);
	fputc(',', r->f);
	csv_field(r->f, r->reason);
	fputc(',', r->f);
	csv_field(r->f, r->detail);
	fprintf(r->f, ",%s,%" PRIu64 "\n", metric, n);
}

static uint64_t at_most(uint64_t v, uint64_t max)
{
	return v > max ? max : v;
}

static void reason(struct csv_row r, const struct exit_stat *e)
{
	char isa[16], name[64], msr[32];

	r.isa = isa_name(e->isa, isa, sizeof(isa));
	r.reason = reason_name(e->isa, e->reason, name, sizeof(name));
	r.detail = e->has_detail ?
		   detail_name(e->isa, e->reason, e->detail, msr, sizeof(msr)) : "";
	csv_number(&r, "exits", e->count);
	csv_number(&r, "timed", e->timed);
	if (!e->timed)
		return;
	csv_number(&r, "total_ns", estimate_total(e));
	if (estimate_is_sampled(e) && !isnan(estimate_error(e)))
		csv_number(&r, "total_ns_std_error", (uint64_t)llround(estimate_error(e)));
	csv_number(&r, "p50_ns", at_most(hist_percentile(&e->hist, 50), e->max_ns));
	csv_number(&r, "p90_ns", at_most(hist_percentile(&e->hist, 90), e->max_ns));
	csv_number(&r, "p99_ns", at_most(hist_percentile(&e->hist, 99), e->max_ns));
	csv_number(&r, "min_ns", e->min_ns);
	csv_number(&r, "max_ns", e->max_ns);
}

void csv_exits(FILE *f, const struct csv_block *b, const struct trace_snapshot *s, vm_name_fn name,
	       void *arg)
{
	struct csv_row r = { f, b, (double)s->duration_ns / 1e9, NULL, 0, 0, "", "", "" };
	const struct ledger *l = &s->ledger;
	size_t i, k;

	for (i = 0; i < s->nr_vcpus; i++) {
		const struct vcpu_trace *v = &s->vcpus[i];
		const char *vm = name ? name(v->vm, arg) : NULL;

		r.vm = vm ? vm : "";
		r.pid = v->vm;
		r.vcpu = v->vcpu;
		csv_number(&r, "vcpu_entries", v->entries);
		csv_number(&r, "vcpu_exits", v->exits);
		csv_number(&r, "vcpu_guest_ns", estimate_guest(v));
		for (k = 0; k < v->nr_reasons; k++)
			reason(r, &v->reasons[k]);
	}
	for (i = 0; i < s->nr_parts; i++) {
		struct csv_row part = { f, b, r.seconds, NULL, 0, -1, "", "", "" };
		struct part_ctx c = { .name = name, .arg = arg, .seconds = r.seconds };

		s->parts[i]->ops->csv(&part, s->parts[i], &c);
	}
	r.vm = NULL;
	csv_number(&r, "ledger_events", l->events);
	csv_number(&r, "ledger_lost", l->lost);
	csv_number(&r, "ledger_map_full", l->map_full);
	csv_number(&r, "ledger_other_cpus", l->other_cpus);
	csv_number(&r, "ledger_detail_full", l->detail_full);
	csv_number(&r, "ledger_recursion_missed", l->recursion_missed);
	csv_number(&r, "ledger_unknown_exits", l->unknown_exits);
	csv_number(&r, "ledger_unmatched_exits", l->unmatched_exits);
	csv_number(&r, "ledger_unmatched_entries", l->unmatched_entries);
	if (s->run_cnt || s->cost_of_reader) {
		csv_number(&r, s->cost_of_reader ? "reader_events" : "cost_runs", s->run_cnt);
		csv_number(&r, s->cost_of_reader ? "reader_ns" : "cost_ns", s->run_ns);
	}
}
