// SPDX-License-Identifier: GPL-2.0
/* A snapshot as JSON. Every number keeps its unit in its key. */
#include "engine/snapshot_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/estimate.h"
#include "core/reason.h"
#include "engine/part.h"

static json_t *integer(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *hist_json(const struct hist *h)
{
	json_t *a = json_array();
	unsigned int i;

	for (i = 0; i < HIST_BUCKETS; i++)
		if (h->n[i])
			json_array_append_new(a, json_pack("[I, I]", (json_int_t)hist_lower(i),
							   (json_int_t)h->n[i]));
	return a;
}

/* NAN: one exit alone was timed. */
static json_t *error_json(double ns)
{
	return isnan(ns) ? json_null() : integer((uint64_t)llround(ns));
}

/* Only where not every exit was timed: what is exact looks as it always has. */
static void times_json(json_t *o, const struct trace_snapshot *s)
{
	static const char *const how[] = {
		[TIME_ALL] = "all", [TIME_AUTO] = "auto", [TIME_EVERY] = "every", [TIME_OFF] = "off",
	};
	struct estimate_all a = estimate_snapshot(s);

	if (a.timed >= a.exits)
		return;
	json_object_set_new(o, "times", json_pack("{s:s, s:I, s:I, s:o}", "how", how[s->time],
		"exits", (json_int_t)a.exits, "chosen", (json_int_t)a.timed,
		"total_ns_std_error", a.timed ? error_json(a.error_ns) : json_null()));
}

static json_t *reason_json(const struct exit_stat *r)
{
	char isa[16], name[64], msr[32];
	json_t *o = json_pack("{s:s, s:I, s:s, s:I, s:I}", "isa", isa_name(r->isa, isa, sizeof(isa)),
			      "reason", (json_int_t)r->reason,
			      "name", reason_name(r->isa, r->reason, name, sizeof(name)),
			      "count", (json_int_t)r->count, "timed", (json_int_t)r->timed);

	if (r->has_detail) {
		json_object_set_new(o, "detail", integer(r->detail));
		json_object_set_new(o, "detail_name",
				    json_string(detail_name(r->isa, r->reason, r->detail, msr,
							    sizeof(msr))));
	}
	if (r->timed == 0) {
		json_object_set_new(o, "total_ns", json_null());
		json_object_set_new(o, "total_ns_why",
				    json_string(r->skipped ? "none of these exits was timed" :
				    "no entry followed inside the measured interval"));
		return o;
	}
	json_object_set_new(o, "total_ns", integer(estimate_total(r)));
	if (estimate_is_sampled(r))
		json_object_set_new(o, "total_ns_std_error", error_json(estimate_error(r)));
	json_object_set_new(o, "min_ns", integer(r->min_ns));
	json_object_set_new(o, "max_ns", integer(r->max_ns));
	json_object_set_new(o, "p50_ns", integer(hist_percentile(&r->hist, 50)));
	json_object_set_new(o, "p90_ns", integer(hist_percentile(&r->hist, 90)));
	json_object_set_new(o, "p99_ns", integer(hist_percentile(&r->hist, 99)));
	json_object_set_new(o, "hist", hist_json(&r->hist));
	return o;
}

static json_t *vcpu_json(const struct vcpu_trace *v)
{
	json_t *reasons = json_array();
	uint64_t handling = 0;
	size_t i;

	for (i = 0; i < v->nr_reasons; i++) {
		handling += estimate_total(&v->reasons[i]);
		json_array_append_new(reasons, reason_json(&v->reasons[i]));
	}
	return json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:o}", "vcpu", v->vcpu, "tid", (int)v->tid,
			 "entries", (json_int_t)v->entries, "exits", (json_int_t)v->exits,
			 "guest_ns", (json_int_t)estimate_guest(v), "handling_ns", (json_int_t)handling,
			 "reasons", reasons);
}

static json_t *vms_json(const struct trace_snapshot *s, vm_name_fn name, void *arg)
{
	json_t *vms = json_array(), *vm = NULL;
	size_t i;

	/* vCPUs are sorted by VM: a new one begins where the key changes. */
	for (i = 0; i < s->nr_vcpus; i++) {
		const struct vcpu_trace *v = &s->vcpus[i];

		if (i == 0 || v->vm != v[-1].vm || v->vm_key != v[-1].vm_key) {
			const char *n = name ? name(v->vm, arg) : NULL;
			char pid[16];

			snprintf(pid, sizeof(pid), "%d", (int)v->vm);
			vm = json_pack("{s:s, s:i, s:[]}", "vm", n ? n : pid, "pid", (int)v->vm,
				       "vcpus");
			json_array_append_new(vms, vm);
		}
		json_array_append_new(json_object_get(vm, "vcpus"), vcpu_json(v));
	}
	return vms;
}

static json_t *ledger_json(const struct ledger *l)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "events", (json_int_t)l->events,
			 "lost", (json_int_t)l->lost, "map_full", (json_int_t)l->map_full,
			 "other_cpus", (json_int_t)l->other_cpus,
			 "detail_full", (json_int_t)l->detail_full,
			 "recursion_missed", (json_int_t)l->recursion_missed,
			 "unmatched_exits", (json_int_t)l->unmatched_exits,
			 "unmatched_entries", (json_int_t)l->unmatched_entries,
			 "unknown_exits", (json_int_t)l->unknown_exits);
}

json_t *snapshot_to_json(const struct trace_snapshot *s, vm_name_fn name, void *arg)
{
	json_t *probes = json_array(), *o;
	size_t i;

	for (i = 0; i < s->nr_probes; i++)
		json_array_append_new(probes, json_pack("{s:s, s:s}", "name", s->probes[i].name,
							"rung", s->probes[i].rung));
	o = json_pack("{s:s, s:I, s:s, s:o, s:o, s:o}", "schema", "exitlab-stat/1",
		      "duration_ns", (json_int_t)s->duration_ns, "clock", "CLOCK_MONOTONIC",
		      "probes", probes, "vms", vms_json(s, name, arg),
		      "ledger", ledger_json(&s->ledger));
	if (o && snapshot_vm_is_process(s))
		json_object_set_new(o, "vm_is_process", json_true());
	if (o)
		times_json(o, s);
	for (i = 0; o && i < s->nr_parts; i++) {
		struct part_ctx c = { .name = name, .arg = arg,
				      .seconds = (double)s->duration_ns / 1e9 };

		json_object_set_new(o, s->parts[i]->ops->name,
				    s->parts[i]->ops->json(s->parts[i], &c));
	}
	if (s->run_cnt > 0 || s->cost_of_reader) {
		json_object_set_new(o, "cost", json_pack("{s:s, s:I, s:I}", "of",
			s->cost_of_reader ? "reader" : "bpf_programs", "run_cnt",
			(json_int_t)s->run_cnt, "run_ns", (json_int_t)s->run_ns));
	} else {
		json_object_set_new(o, "cost", json_null());
		json_object_set_new(o, "cost_why",
			json_string("not asked for: measuring it adds to every event"));
	}
	return o;
}
