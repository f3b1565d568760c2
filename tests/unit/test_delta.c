// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/out/delta.c tracer/out/csv.c tracer/core/hist.c tracer/core/estimate.c tracer/core/reason.c tracer/engine/snapshot.c */
/* Differences of snapshots taken while the engine runs, and their CSV. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "out/csv.h"
#include "out/delta.h"

/* A machine of one vCPU and two reasons, as the engine would see it. */
struct machine {
	struct exit_stat r[2];
	struct vcpu_trace v;
	struct trace_snapshot s;
};

static void machine(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	m->r[0] = (struct exit_stat){ .isa = 2, .reason = 0x78 };
	m->r[1] = (struct exit_stat){ .isa = 2, .reason = 0x7b };
	m->v = (struct vcpu_trace){ .vm = 7, .vm_key = 1, .reasons = m->r, .nr_reasons = 2 };
	m->s = (struct trace_snapshot){ .vcpus = &m->v, .nr_vcpus = 1 };
}

static void book(struct machine *m, int i, uint64_t ns)
{
	struct exit_stat *r = &m->r[i];

	if (!r->timed || ns < r->min_ns)
		r->min_ns = ns;
	if (ns > r->max_ns)
		r->max_ns = ns;
	r->count++;
	r->timed++;
	r->total_ns += ns;
	r->hist.n[hist_index(ns)]++;
	m->v.exits++;
	m->v.entries++;
	m->v.guest_ns += 10;
	m->s.duration_ns += ns + 10;
	m->s.ledger.events += 2;
}

static struct trace_snapshot step(struct delta *d, struct machine *m, bool final)
{
	struct trace_snapshot out;

	assert_int_equal(delta_step(d, &m->s, final, &out), 0);
	return out;
}

static uint64_t count(const struct trace_snapshot *s, uint64_t reason)
{
	uint64_t n = 0;
	size_t i, k;

	for (i = 0; i < s->nr_vcpus; i++)
		for (k = 0; k < s->vcpus[i].nr_reasons; k++)
			if (s->vcpus[i].reasons[k].reason == reason)
				n += s->vcpus[i].reasons[k].count;
	return n;
}

static void what_came(void **state)
{
	struct delta *d = delta_new();
	struct trace_snapshot a;
	struct machine m;
	int i;

	(void)state;
	machine(&m);
	for (i = 0; i < 100; i++)
		book(&m, 0, 1000);
	a = step(d, &m, false);
	assert_int_equal(a.duration_ns, 101000);
	assert_int_equal(a.nr_vcpus, 1);
	assert_int_equal(a.vcpus[0].exits, 100);
	assert_int_equal(a.vcpus[0].nr_reasons, 1);
	assert_int_equal(a.vcpus[0].reasons[0].max_ns, 1000);
	snapshot_free(&a);
	/* Other exits: percentiles are theirs alone. */
	for (i = 0; i < 50; i++)
		book(&m, 0, 10);
	for (i = 0; i < 7; i++)
		book(&m, 1, 500);
	a = step(d, &m, false);
	assert_int_equal(a.vcpus[0].exits, 57);
	assert_int_equal(a.vcpus[0].guest_ns, 570);
	assert_int_equal(count(&a, 0x78), 50);
	assert_int_equal(count(&a, 0x7b), 7);
	assert_int_equal(a.vcpus[0].reasons[0].total_ns, 500);
	assert_int_equal(hist_percentile(&a.vcpus[0].reasons[0].hist, 99), 10);
	assert_int_equal(a.vcpus[0].reasons[0].min_ns, 10);
	/* Not the 1000 of the step before: the end of the bucket. */
	assert_int_equal(a.vcpus[0].reasons[0].max_ns, 10);
	assert_int_equal(a.ledger.events, 114);
	snapshot_free(&a);
	/* Nothing. */
	a = step(d, &m, false);
	assert_int_equal(a.nr_vcpus, 0);
	assert_int_equal(a.duration_ns, 0);
	snapshot_free(&a);
	delta_free(d);
}

/* The exit under way is seen twice at one moment, and once at the next. */
static void never_backwards(void **state)
{
	struct delta *d = delta_new();
	uint64_t sum = 0;
	struct trace_snapshot a;
	struct machine m;
	int i;

	(void)state;
	machine(&m);
	for (i = 0; i < 10; i++)
		book(&m, 0, 100);
	m.r[0].count += 2;	/* twice, and one half written */
	a = step(d, &m, false);
	assert_int_equal(count(&a, 0x78), 10);
	assert_int_equal(a.vcpus[0].exits, 10);
	sum += count(&a, 0x78);
	snapshot_free(&a);
	m.r[0].count -= 2;
	book(&m, 0, 100);
	a = step(d, &m, false);
	assert_int_equal(count(&a, 0x78), 1);
	sum += count(&a, 0x78);
	snapshot_free(&a);
	/* One is really under way at the end. */
	m.r[0].count++;
	m.v.exits++;
	a = step(d, &m, true);
	assert_int_equal(count(&a, 0x78), 1);
	assert_int_equal(a.vcpus[0].exits, 1);
	sum += count(&a, 0x78);
	snapshot_free(&a);
	assert_int_equal(sum, m.r[0].count);
	delta_free(d);
}

/* Exits without a time, of which two are held back for doubt: what was handed out stays so. */
static void untimed_exits_add_up(void **state)
{
	static const uint64_t raw[] = { 7, 5, 6, 9 }, told[] = { 5, 0, 0, 2 };
	struct delta *d = delta_new();
	struct trace_snapshot a;
	uint64_t sum = 0;
	struct machine m;
	size_t i;

	(void)state;
	machine(&m);
	for (i = 0; i < 4; i++) {
		m.r[0].count = raw[i];
		m.v.exits = 4 + i;
		a = step(d, &m, false);
		assert_int_equal(count(&a, 0x78), told[i]);
		sum += count(&a, 0x78);
		snapshot_free(&a);
	}
	a = step(d, &m, true);
	assert_int_equal(sum + count(&a, 0x78), 9);
	snapshot_free(&a);
	delta_free(d);
}

/* A vCPU that sleeps in HLT: its exit is believed when nothing has moved for a step, once. */
static void quiet_vcpus_are_exact(void **state)
{
	struct delta *d = delta_new();
	struct trace_snapshot a;
	struct machine m;

	(void)state;
	machine(&m);
	book(&m, 1, 100);
	m.r[0].count = 1;
	m.v.exits++;
	a = step(d, &m, false);
	assert_int_equal(count(&a, 0x78), 0);
	assert_int_equal(count(&a, 0x7b), 1);
	snapshot_free(&a);
	a = step(d, &m, false);
	assert_int_equal(count(&a, 0x78), 1);
	assert_int_equal(a.vcpus[0].exits, 1);
	snapshot_free(&a);
	/* It wakes: now it has a time, but it is no second exit. */
	m.r[0].count = 0;
	m.v.exits--;
	book(&m, 0, 5000);
	a = step(d, &m, false);
	assert_int_equal(count(&a, 0x78), 0);
	assert_int_equal(a.vcpus[0].nr_reasons, 1);
	assert_int_equal(a.vcpus[0].reasons[0].timed, 1);
	assert_int_equal(a.vcpus[0].reasons[0].total_ns, 5000);
	snapshot_free(&a);
	a = step(d, &m, true);
	assert_int_equal(a.nr_vcpus, 0);
	snapshot_free(&a);
	delta_free(d);
}

static void vms_come_and_end(void **state)
{
	struct vcpu_trace v[2];
	struct exit_stat r[2] = { { .isa = 1, .reason = 12, .count = 5, .timed = 5 },
				  { .isa = 1, .reason = 12, .count = 9, .timed = 9 } };
	struct trace_snapshot one = { .vcpus = v, .nr_vcpus = 1 };
	struct trace_snapshot two = { .vcpus = v, .nr_vcpus = 2 };
	struct delta *d = delta_new();
	struct trace_snapshot a;

	(void)state;
	v[0] = (struct vcpu_trace){ .vm = 1, .exits = 5, .reasons = &r[0], .nr_reasons = 1 };
	v[1] = (struct vcpu_trace){ .vm = 2, .exits = 9, .reasons = &r[1], .nr_reasons = 1 };
	assert_int_equal(delta_step(d, &one, false, &a), 0);
	assert_int_equal(a.nr_vcpus, 1);
	snapshot_free(&a);
	assert_int_equal(delta_step(d, &two, false, &a), 0);
	assert_int_equal(a.nr_vcpus, 1);
	assert_int_equal(a.vcpus[0].vm, 2);
	assert_int_equal(count(&a, 12), 9);
	snapshot_free(&a);
	/* An engine that misses one for once must not take it back. */
	assert_int_equal(delta_step(d, &one, false, &a), 0);
	assert_int_equal(a.nr_vcpus, 0);
	snapshot_free(&a);
	assert_int_equal(delta_step(d, &two, true, &a), 0);
	assert_int_equal(a.nr_vcpus, 0);
	snapshot_free(&a);
	delta_free(d);
}

/* ---- CSV ---- */

static const char *hostile(pid_t vm, void *arg)
{
	(void)vm;
	return arg;
}

static char *csv(const struct trace_snapshot *s, unsigned int n, char *name)
{
	struct csv_block b = { 1700000000.25, n };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	csv_header(f);
	csv_exits(f, &b, s, hostile, name);
	fclose(f);
	return text;
}

static void csv_lines(void **state)
{
	struct machine m;
	char name[] = "a,\"b\"", *text;

	(void)state;
	machine(&m);
	m.v.nr_reasons = 1;
	book(&m, 0, 1000);
	m.s.duration_ns = 2000000000;
	text = csv(&m.s, 3, name);
	assert_non_null(strstr(text, "time,interval,seconds,vm,pid,vcpu,isa,reason,detail,metric,value\n"));
	assert_non_null(strstr(text, "\n1700000000.250,3,2.000000,\"a,\"\"b\"\"\",7,0,svm,HLT,,exits,1\n"));
	assert_non_null(strstr(text, ",svm,HLT,,p99_ns,1000\n"));
	assert_non_null(strstr(text, ",7,0,,,,vcpu_guest_ns,10\n"));
	assert_non_null(strstr(text, "\n1700000000.250,3,2.000000,,,,,,,ledger_events,2\n"));
	assert_null(strstr(text, "cost_"));
	free(text);
	m.r[0].timed = 0;
	m.r[0].has_detail = true;
	m.r[0].detail = 0x80b;
	text = csv(&m.s, 0, name);
	assert_non_null(strstr(text, ",total,"));
	assert_non_null(strstr(text, ",svm,HLT,EOI,timed,0\n"));
	assert_null(strstr(text, "p99_ns"));
	free(text);
}

/* Weights of sampled times are differences like the rest: each step has its own estimate. */
static void sampled_times(void **state)
{
	struct exit_stat r = { .isa = 2, .reason = 0x7c, .count = 800, .timed = 100, .skipped = 700,
			       .weight_more = 700, .square_more = 900, .total_ns = 800 * 10 };
	struct vcpu_trace v = { .vm = 1, .exits = 800, .entries = 800, .skipped = 700,
				.guest_ns = 800, .guest_timed = 100, .guest_more = 700,
				.reasons = &r, .nr_reasons = 1 };
	struct trace_snapshot all = { .duration_ns = 1000, .vcpus = &v, .nr_vcpus = 1,
				      .time = TIME_EVERY, .time_every = 8 }, one;
	struct delta *d = delta_new();

	(void)state;
	r.hist.n[hist_index(10)] = 800;
	assert_int_equal(delta_step(d, &all, false, &one), 0);
	snapshot_free(&one);
	r.count = v.exits = v.entries = 1600;
	r.timed = v.guest_timed = 300;
	r.skipped = v.skipped = 1300;
	r.weight_more = v.guest_more = 1300;
	r.square_more = 2000;
	r.total_ns += 800 * 30;
	r.hist.n[hist_index(30)] = 800;
	v.guest_ns += 1600;
	assert_int_equal(delta_step(d, &all, true, &one), 0);
	assert_int_equal(one.time, TIME_EVERY);
	assert_int_equal(one.vcpus[0].reasons[0].timed, 200);
	assert_int_equal(one.vcpus[0].reasons[0].skipped, 600);
	assert_int_equal(one.vcpus[0].reasons[0].weight_more, 600);
	assert_int_equal(one.vcpus[0].reasons[0].square_more, 1100);
	assert_int_equal(one.vcpus[0].reasons[0].total_ns, 800 * 30);
	assert_int_equal(one.vcpus[0].skipped, 600);
	assert_int_equal(one.vcpus[0].guest_timed, 200);
	assert_int_equal(one.vcpus[0].guest_more, 600);
	snapshot_free(&one);
	delta_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came),
		cmocka_unit_test(never_backwards),
		cmocka_unit_test(untimed_exits_add_up),
		cmocka_unit_test(quiet_vcpus_are_exact),
		cmocka_unit_test(vms_come_and_end),
		cmocka_unit_test(csv_lines),
		cmocka_unit_test(sampled_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
