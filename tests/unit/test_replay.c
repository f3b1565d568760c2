// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/core/replay.c tracer/engine/snapshot.c tracer/core/hist.c */
/* Exits counted and timed from single events, with all that can come out of turn. */
#include "unit.h"

#include <stdlib.h>

#include "core/replay.h"

#define SVM 2
#define IOIO 0x7b
#define MSR 0x7c
#define CPUID 0x72
#define NPF 0x400

static struct replay *r;

static void begin(const struct replay_opts *o)
{
	static const struct replay_opts none;

	r = replay_new(o ? o : &none);
	assert_non_null(r);
}

static struct kvm_event event(uint64_t ts, pid_t tid, enum kvm_event_type type)
{
	return (struct kvm_event){ .ts_ns = ts, .tgid = 1000, .tid = tid, .type = type };
}

static void entry(uint64_t ts, pid_t tid, int vcpu)
{
	struct kvm_event e = event(ts, tid, KVM_EVENT_ENTRY);

	e.vcpu = vcpu;
	replay_event(r, &e);
}

static void exit_(uint64_t ts, pid_t tid, uint64_t reason)
{
	struct kvm_event e = event(ts, tid, KVM_EVENT_EXIT);

	e.isa = SVM;
	e.reason = reason;
	replay_event(r, &e);
}

static void detail(pid_t tid, enum kvm_event_type type, uint64_t n)
{
	struct kvm_event e = event(0, tid, type);

	e.detail = n;
	replay_event(r, &e);
}

static struct trace_snapshot end(void)
{
	struct trace_snapshot s = { 0 };

	assert_int_equal(replay_snapshot(r, &s), 0);
	snapshot_sort(&s);
	replay_free(r);
	r = NULL;
	return s;
}

static const struct exit_stat *row(const struct vcpu_trace *v, uint64_t reason)
{
	size_t i;

	for (i = 0; i < v->nr_reasons; i++)
		if (v->reasons[i].reason == reason)
			return &v->reasons[i];
	fail_msg("no exit of reason %#llx", (unsigned long long)reason);
	return NULL;
}

static void a_round_trip(void **state)
{
	const struct exit_stat *x;
	struct trace_snapshot s;

	(void)state;
	begin(NULL);
	entry(100, 7, 3);
	exit_(170, 7, IOIO);
	entry(175, 7, 3);
	exit_(275, 7, IOIO);
	entry(300, 7, 3);
	exit_(310, 7, CPUID);
	s = end();
	assert_int_equal(s.nr_vcpus, 1);
	assert_int_equal(s.vcpus[0].vm, 1000);
	assert_int_equal(s.vcpus[0].vcpu, 3);
	assert_int_equal(s.vcpus[0].tid, 7);
	assert_int_equal(s.vcpus[0].entries, 3);
	assert_int_equal(s.vcpus[0].exits, 3);
	assert_int_equal(s.vcpus[0].guest_ns, 180);
	x = row(&s.vcpus[0], IOIO);
	assert_int_equal(x->isa, SVM);
	assert_int_equal(x->count, 2);
	assert_int_equal(x->timed, 2);
	assert_int_equal(x->total_ns, 30);
	assert_int_equal(x->min_ns, 5);
	assert_int_equal(x->max_ns, 25);
	assert_int_equal(hist_count(&x->hist), 2);
	/* What is being handled is counted, and has no time. */
	x = row(&s.vcpus[0], CPUID);
	assert_int_equal(x->count, 1);
	assert_int_equal(x->timed, 0);
	assert_int_equal(s.ledger.events, 6);
	assert_int_equal(s.ledger.unmatched_exits + s.ledger.unmatched_entries, 0);
	snapshot_free(&s);
}

static void an_exit_before_any_entry_is_of_no_vcpu(void **state)
{
	struct trace_snapshot s;

	(void)state;
	begin(NULL);
	exit_(50, 7, IOIO);
	entry(100, 7, 0);
	s = end();
	assert_int_equal(s.ledger.unknown_exits, 1);
	assert_int_equal(s.vcpus[0].exits, 0);
	assert_int_equal(s.ledger.events, 1);
	snapshot_free(&s);
}

static void out_of_turn(void **state)
{
	struct trace_snapshot s;

	(void)state;
	begin(NULL);
	entry(100, 7, 0);
	entry(110, 7, 0);
	exit_(120, 7, IOIO);
	exit_(130, 7, CPUID);
	entry(135, 7, 0);
	s = end();
	assert_int_equal(s.ledger.unmatched_entries, 1);
	assert_int_equal(s.ledger.unmatched_exits, 1);
	assert_int_equal(s.vcpus[0].guest_ns, 10);
	assert_int_equal(row(&s.vcpus[0], IOIO)->count, 1);
	assert_int_equal(row(&s.vcpus[0], IOIO)->timed, 0);
	assert_int_equal(row(&s.vcpus[0], CPUID)->total_ns, 5);
	snapshot_free(&s);
}

static void a_lost_event_leaves_no_wrong_time(void **state)
{
	struct trace_snapshot s;

	(void)state;
	begin(NULL);
	entry(100, 7, 0);
	exit_(110, 7, IOIO);
	replay_lost(r, 5);	/* entry and exit, twice, and an entry */
	exit_(900, 7, CPUID);
	entry(910, 7, 0);
	replay_lost(r, 0);
	exit_(5000, 7, CPUID);
	s = end();
	assert_int_equal(s.ledger.lost, 5);
	assert_int_equal(s.vcpus[0].guest_ns, 10);
	assert_int_equal(row(&s.vcpus[0], IOIO)->count, 1);
	assert_int_equal(row(&s.vcpus[0], IOIO)->timed, 0);
	assert_int_equal(row(&s.vcpus[0], CPUID)->count, 2);
	assert_int_equal(row(&s.vcpus[0], CPUID)->total_ns, 10);
	assert_int_equal(s.ledger.unmatched_exits + s.ledger.unmatched_entries, 0);
	snapshot_free(&s);
}

static void msr_exits_by_number(void **state)
{
	struct replay_opts o = { .detail = DETAIL_MSR };
	const struct vcpu_trace *v;
	struct trace_snapshot s;
	int i;

	(void)state;
	begin(&o);
	detail(7, KVM_EVENT_MSR, 1);		/* of no vCPU */
	for (i = 0; i < 3; i++) {
		entry(0, 7, 0);
		exit_(0, 7, MSR);
		detail(7, KVM_EVENT_PIO, 9);	/* another kind */
		detail(7, KVM_EVENT_MSR, i / 2);
		detail(7, KVM_EVENT_MSR, 77);	/* the first one counts */
	}
	entry(0, 7, 0);
	exit_(0, 7, NPF);
	detail(7, KVM_EVENT_MSR, 5);		/* emulated, after another exit */
	detail(7, KVM_EVENT_PAGE_FAULT, 5);	/* not asked for */
	entry(0, 7, 0);
	detail(7, KVM_EVENT_MSR, 5);		/* not after an exit */
	s = end();
	v = &s.vcpus[0];
	assert_int_equal(v->nr_reasons, 3);
	assert_int_equal(v->reasons[0].count, 2);
	assert_true(v->reasons[0].has_detail && v->reasons[0].detail == 0);
	assert_true(v->reasons[1].has_detail && v->reasons[1].detail == 1);
	assert_false(v->reasons[2].has_detail);
	snapshot_free(&s);
}

static void ports_and_addresses(void **state)
{
	struct replay_opts o = { .detail = DETAIL_PORT | DETAIL_GPA };
	struct trace_snapshot s;

	(void)state;
	begin(&o);
	entry(0, 7, 0);
	exit_(0, 7, IOIO);
	detail(7, KVM_EVENT_PIO, 0x3f8);
	entry(0, 7, 0);
	exit_(0, 7, NPF);
	detail(7, KVM_EVENT_PAGE_FAULT, 0xfee00000);
	detail(7, KVM_EVENT_MMIO, 0xfee00020);
	entry(0, 7, 0);
	exit_(0, 7, MSR);
	detail(7, KVM_EVENT_MSR, 1);
	s = end();
	assert_int_equal(row(&s.vcpus[0], IOIO)->detail, 0x3f8);
	assert_int_equal(row(&s.vcpus[0], NPF)->detail, 0xfee00);
	assert_false(row(&s.vcpus[0], MSR)->has_detail);
	snapshot_free(&s);
}

static void a_thread_that_runs_two_vcpus_and_a_vcpu_that_moves(void **state)
{
	struct trace_snapshot s;

	(void)state;
	begin(NULL);
	entry(0, 7, 0);
	exit_(10, 7, IOIO);
	entry(20, 7, 1);	/* thread 7 now runs vCPU 1 */
	exit_(30, 7, IOIO);
	entry(40, 8, 0);	/* and vCPU 0 is run by thread 8 */
	exit_(50, 8, IOIO);
	s = end();
	assert_int_equal(s.nr_vcpus, 2);
	assert_int_equal(s.vcpus[0].exits, 2);
	assert_int_equal(s.vcpus[0].tid, 8);
	assert_int_equal(row(&s.vcpus[0], IOIO)->total_ns, 30);
	assert_int_equal(s.vcpus[1].exits, 1);
	snapshot_free(&s);
}

static void two_vms_of_one_process(void **state)
{
	struct trace_snapshot s;
	uint64_t t;

	(void)state;
	begin(NULL);
	for (t = 0; t < 1000; t += 10) {
		entry(t, 7, 0);
		entry(t + 1, 8, 0);
		exit_(t + 5, 7, IOIO);
		exit_(t + 8, 8, CPUID);
	}
	s = end();
	assert_int_equal(s.nr_vcpus, 2);
	assert_int_equal(s.vcpus[0].guest_ns, 500);
	assert_int_equal(s.vcpus[1].guest_ns, 700);
	assert_int_equal(s.vcpus[0].nr_reasons, 1);
	assert_int_equal(s.vcpus[1].nr_reasons, 1);
	assert_true(s.vcpus[0].vm_key != s.vcpus[1].vm_key);
	assert_int_equal(s.ledger.unmatched_entries + s.ledger.unmatched_exits, 0);
	snapshot_free(&s);
}

static void processes_and_cpus_are_filtered(void **state)
{
	struct kvm_event e = event(0, 9, KVM_EVENT_ENTRY);
	struct replay_opts o = { .pid = 1000 };
	struct trace_snapshot s;
	struct cpu_list cpus = { .mask = { 1 } };

	(void)state;
	o.cpus = &cpus;
	begin(&o);
	e.tgid = 1001;
	replay_event(r, &e);
	entry(10, 7, 0);
	exit_(20, 7, IOIO);
	e = event(30, 7, KVM_EVENT_ENTRY);
	e.cpu = 1;
	replay_event(r, &e);
	exit_(40, 7, IOIO);	/* on CPU 0 again */
	e = event(50, 7, KVM_EVENT_ENTRY);
	e.cpu = 1;
	replay_event(r, &e);
	e = event(60, 7, KVM_EVENT_EXIT);
	e.cpu = 1;
	replay_event(r, &e);
	entry(70, 7, 0);
	s = end();
	assert_int_equal(s.nr_vcpus, 1);
	assert_int_equal(s.vcpus[0].entries, 2);	/* where they were made */
	assert_int_equal(s.vcpus[0].exits, 2);
	assert_int_equal(s.vcpus[0].guest_ns, 20);	/* where it ended */
	assert_int_equal(row(&s.vcpus[0], IOIO)->timed, 2);
	assert_int_equal(row(&s.vcpus[0], IOIO)->total_ns, 20);
	assert_int_equal(s.ledger.other_cpus, 1);
	assert_int_equal(s.ledger.unmatched_entries + s.ledger.unmatched_exits, 0);
	snapshot_free(&s);
}

static void thread_ids_come_again(void **state)
{
	struct kvm_event e = event(50, 7, KVM_EVENT_EXIT);
	struct trace_snapshot s;

	(void)state;
	begin(NULL);
	entry(0, 7, 0);
	e.tgid = 1001;
	replay_event(r, &e);
	s = end();
	assert_int_equal(s.vcpus[0].exits, 0);
	assert_int_equal(s.ledger.unknown_exits, 1);
	snapshot_free(&s);
}

static void thousands_of_threads(void **state)
{
	struct trace_snapshot s;
	pid_t tid;
	size_t i;

	(void)state;
	begin(NULL);
	for (tid = 1; tid <= 3000; tid++)
		entry(0, tid * 64, tid);
	for (tid = 1; tid <= 3000; tid++)
		exit_(1, tid * 64, IOIO);
	s = end();
	assert_int_equal(s.nr_vcpus, 3000);
	for (i = 0; i < 3000; i++)
		assert_int_equal(s.vcpus[i].exits, 1);
	assert_int_equal(s.ledger.unknown_exits, 0);
	snapshot_free(&s);
}

/* All 4096 orders of 12 events: each exit is in one row, with a time if an entry follows. */
static void any_order_is_accounted_for(void **state)
{
	unsigned int order, i;

	(void)state;
	for (order = 0; order < 1u << 12; order++) {
		uint64_t exits = 0, timed = 0, repeats = 0, prev = 2, booked = 0, with_time = 0;
		struct trace_snapshot s;

		begin(NULL);
		entry(1, 7, 0);
		prev = 0;
		for (i = 0; i < 12; i++) {
			unsigned int is_exit = order >> i & 1;

			if (is_exit)
				exit_(10 * i + 10, 7, i % 3);
			else
				entry(10 * i + 10, 7, 0);
			exits += is_exit;
			repeats += is_exit == prev;
			timed += !is_exit && prev == 1;
			prev = is_exit;
		}
		s = end();
		for (i = 0; i < s.vcpus[0].nr_reasons; i++) {
			booked += s.vcpus[0].reasons[i].count;
			with_time += s.vcpus[0].reasons[i].timed;
		}
		assert_int_equal(s.vcpus[0].exits, exits);
		assert_int_equal(booked, exits);
		assert_int_equal(with_time, timed);
		assert_int_equal(s.ledger.unmatched_entries + s.ledger.unmatched_exits, repeats);
		snapshot_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round_trip),
		cmocka_unit_test(an_exit_before_any_entry_is_of_no_vcpu),
		cmocka_unit_test(out_of_turn),
		cmocka_unit_test(a_lost_event_leaves_no_wrong_time),
		cmocka_unit_test(msr_exits_by_number),
		cmocka_unit_test(ports_and_addresses),
		cmocka_unit_test(a_thread_that_runs_two_vcpus_and_a_vcpu_that_moves),
		cmocka_unit_test(two_vms_of_one_process),
		cmocka_unit_test(processes_and_cpus_are_filtered),
		cmocka_unit_test(thread_ids_come_again),
		cmocka_unit_test(thousands_of_threads),
		cmocka_unit_test(any_order_is_accounted_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
