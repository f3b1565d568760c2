// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/engine/snapshot.c tracer/engine/snapshot_json.c tracer/core/hist.c tracer/core/estimate.c tracer/core/reason.c */
/*
 * A snapshot as JSON: two VMs of one process stay apart, what was not measured is null with a
 * reason, sums agree with their parts, and the order does not depend on the order of the maps.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "core/reason.h"
#include "engine/snapshot_json.h"

#define SVM_HLT 0x78
#define SVM_MSR 0x7c
#define SVM_NPF 0x400

static struct exit_stat *reasons(size_t n)
{
	return calloc(n, sizeof(struct exit_stat));
}

/* Exits of 100 ns each, but for @untimed. */
static struct exit_stat stat_of(uint64_t reason, uint64_t count, uint64_t untimed)
{
	struct exit_stat r = { .isa = KVM_ISA_SVM, .reason = reason, .count = count,
			       .timed = count - untimed };

	if (r.timed > 0) {
		r.total_ns = 100 * r.timed;
		r.min_ns = r.max_ns = 100;
		r.hist.n[hist_index(100)] = r.timed;
	}
	return r;
}

/* Process 10 has two VMs, process 9 one; given in no order. */
static void make(struct trace_snapshot *s)
{
	struct vcpu_trace *v;

	memset(s, 0, sizeof(*s));
	s->duration_ns = 2000000000;
	s->nr_vcpus = 4;
	s->vcpus = v = calloc(4, sizeof(*v));
	v[0] = (struct vcpu_trace){ .vm = 10, .vm_key = 0xffff888100000000, .vcpu = 1, .tid = 13,
				    .entries = 5, .exits = 5, .guest_ns = 900 };
	v[1] = (struct vcpu_trace){ .vm = 10, .vm_key = 0xffff888100001000, .vcpu = 0, .tid = 14 };
	v[2] = (struct vcpu_trace){ .vm = 9, .vm_key = 0xffff888100002000, .vcpu = 0, .tid = 9 };
	v[3] = (struct vcpu_trace){ .vm = 10, .vm_key = 0xffff888100000000, .vcpu = 0, .tid = 12 };

	v[0].reasons = reasons(4);
	v[0].nr_reasons = 4;
	v[0].reasons[0] = stat_of(SVM_NPF, 1, 1);
	v[0].reasons[1] = stat_of(SVM_HLT, 3, 1);
	v[0].reasons[2] = stat_of(SVM_MSR, 7, 0);
	v[0].reasons[2].has_detail = true;
	v[0].reasons[2].detail = 0x80b;
	v[0].reasons[3] = stat_of(SVM_MSR, 7, 0);
	v[0].reasons[3].has_detail = true;
	v[0].reasons[3].detail = 0x123;

	s->ledger = (struct ledger){ .events = 10, .map_full = 1, .recursion_missed = 2,
				     .unmatched_exits = 3, .unmatched_entries = 4,
				     .unknown_exits = 5, .lost = 6 };
	s->nr_probes = 1;
	strcpy(s->probes[0].name, "kvm_entry");
	strcpy(s->probes[0].rung, "raw_tp");
	snapshot_sort(s);
}

static const char *name(pid_t vm, void *arg)
{
	return vm == 9 ? arg : NULL;
}

static json_int_t integer(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v))
		fail_msg("'%s' is no integer", key);
	return json_integer_value(v);
}

static const char *string(const json_t *o, const char *key)
{
	const char *v = json_string_value(json_object_get(o, key));

	if (!v)
		fail_msg("'%s' is no string", key);
	return v;
}

static json_t *to_json(void)
{
	struct trace_snapshot s;
	json_t *o;

	make(&s);
	o = snapshot_to_json(&s, name, "web");
	snapshot_free(&s);
	assert_non_null(o);
	return o;
}

static void test_frame(void **state)
{
	json_t *o = to_json(), *probe = json_array_get(json_object_get(o, "probes"), 0);
	const json_t *ledger = json_object_get(o, "ledger");

	(void)state;
	assert_string_equal(string(o, "schema"), "exitlab-stat/1");
	assert_string_equal(string(o, "clock"), "CLOCK_MONOTONIC");
	assert_int_equal(integer(o, "duration_ns"), 2000000000);
	assert_string_equal(string(probe, "name"), "kvm_entry");
	assert_string_equal(string(probe, "rung"), "raw_tp");
	assert_int_equal(integer(ledger, "events"), 10);
	assert_int_equal(integer(ledger, "map_full"), 1);
	assert_int_equal(integer(ledger, "recursion_missed"), 2);
	assert_int_equal(integer(ledger, "unmatched_exits"), 3);
	assert_int_equal(integer(ledger, "unmatched_entries"), 4);
	assert_int_equal(integer(ledger, "unknown_exits"), 5);
	assert_int_equal(integer(ledger, "lost"), 6);
	json_decref(o);
}

static void test_vms(void **state)
{
	json_t *o = to_json(), *vms = json_object_get(o, "vms"), *vcpus;

	(void)state;
	assert_int_equal(json_array_size(vms), 3);
	assert_string_equal(string(json_array_get(vms, 0), "vm"), "web");
	assert_int_equal(integer(json_array_get(vms, 0), "pid"), 9);
	assert_string_equal(string(json_array_get(vms, 1), "vm"), "10");
	vcpus = json_object_get(json_array_get(vms, 1), "vcpus");
	assert_int_equal(json_array_size(vcpus), 2);
	assert_int_equal(integer(json_array_get(vcpus, 0), "vcpu"), 0);
	assert_int_equal(integer(json_array_get(vcpus, 1), "vcpu"), 1);
	assert_int_equal(integer(json_array_get(vcpus, 1), "tid"), 13);
	assert_int_equal(json_array_size(json_object_get(json_array_get(vms, 2), "vcpus")), 1);
	json_decref(o);
}

/* The vCPU that made exits. */
static json_t *busy_vcpu(json_t *o)
{
	json_t *vm = json_array_get(json_object_get(o, "vms"), 1);

	return json_array_get(json_object_get(vm, "vcpus"), 1);
}

static void test_reasons(void **state)
{
	json_t *o = to_json(), *v = busy_vcpu(o), *rs = json_object_get(v, "reasons"), *r, *bucket;

	(void)state;
	assert_int_equal(integer(v, "guest_ns"), 900);
	assert_int_equal(integer(v, "handling_ns"), 100 * (2 + 7 + 7));
	assert_int_equal(json_array_size(rs), 4);
	/* By count; equal counts by MSR number. */
	r = json_array_get(rs, 0);
	assert_int_equal(integer(r, "detail"), 0x123);
	assert_string_equal(string(r, "detail_name"), "0x123");
	r = json_array_get(rs, 1);
	assert_string_equal(string(r, "isa"), "svm");
	assert_int_equal(integer(r, "reason"), SVM_MSR);
	assert_string_equal(string(r, "name"), "MSR");
	assert_int_equal(integer(r, "detail"), 0x80b);
	assert_string_equal(string(r, "detail_name"), "EOI");
	r = json_array_get(rs, 2);
	assert_string_equal(string(r, "name"), "HLT");
	assert_null(json_object_get(r, "detail"));
	assert_int_equal(integer(r, "count"), 3);
	assert_int_equal(integer(r, "timed"), 2);
	assert_int_equal(integer(r, "total_ns"), 200);
	assert_int_equal(integer(r, "min_ns"), 100);
	assert_int_equal(integer(r, "p50_ns"), hist_upper(hist_index(100)));
	bucket = json_array_get(json_object_get(r, "hist"), 0);
	assert_int_equal(json_integer_value(json_array_get(bucket, 0)),
			 hist_lower(hist_index(100)));
	assert_int_equal(json_integer_value(json_array_get(bucket, 1)), 2);
	json_decref(o);
}

static void test_not_measured(void **state)
{
	json_t *o = to_json();
	json_t *npf = json_array_get(json_object_get(busy_vcpu(o), "reasons"), 3);

	(void)state;
	assert_string_equal(string(npf, "name"), "NPF");
	assert_int_equal(integer(npf, "count"), 1);
	assert_int_equal(integer(npf, "timed"), 0);
	assert_true(json_is_null(json_object_get(npf, "total_ns")));
	assert_true(strlen(string(npf, "total_ns_why")) > 0);
	assert_null(json_object_get(npf, "min_ns"));
	assert_true(json_is_null(json_object_get(o, "cost")));
	assert_true(strlen(string(o, "cost_why")) > 0);
	json_decref(o);
}

static void test_cost(void **state)
{
	struct trace_snapshot s;
	json_t *o;

	(void)state;
	make(&s);
	s.run_cnt = 20;
	s.run_ns = 4000;
	o = snapshot_to_json(&s, NULL, NULL);
	snapshot_free(&s);
	assert_int_equal(integer(json_object_get(o, "cost"), "run_cnt"), 20);
	assert_int_equal(integer(json_object_get(o, "cost"), "run_ns"), 4000);
	assert_null(json_object_get(o, "cost_why"));
	/* No names given: pids. */
	assert_string_equal(string(json_array_get(json_object_get(o, "vms"), 0), "vm"), "9");
	json_decref(o);
}

static void test_nothing_seen(void **state)
{
	struct trace_snapshot s = { 0 };
	json_t *o = snapshot_to_json(&s, NULL, NULL);

	(void)state;
	assert_non_null(o);
	assert_int_equal(json_array_size(json_object_get(o, "vms")), 0);
	assert_int_equal(integer(json_object_get(o, "ledger"), "events"), 0);
	json_decref(o);
	snapshot_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_vms),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_not_measured),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_nothing_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
