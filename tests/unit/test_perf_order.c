// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/engine/perf_order.c tracer/core/replay.c tracer/engine/snapshot.c tracer/core/hist.c */
/* Events of several rings in the order of their threads, whenever which ring is read. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "engine/perf_order.h"

static struct perf_order o;
static struct replay *r;

static int setup(void **state)
{
	static const struct replay_opts none;

	(void)state;
	memset(&o, 0, sizeof(o));
	r = replay_new(&none);
	return r ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	order_free(&o);
	replay_free(r);
	return 0;
}

static void put(uint64_t ts, pid_t tid, enum kvm_event_type type)
{
	struct kvm_event e = { .ts_ns = ts, .tgid = 1, .tid = tid, .type = type, .isa = 2 };

	e.vcpu = (int)tid;
	assert_int_equal(order_event(&o, &e), 0);
}

static struct trace_snapshot now(void)
{
	struct trace_snapshot s = { 0 };

	assert_int_equal(replay_snapshot(r, &s), 0);
	snapshot_sort(&s);
	return s;
}

static uint64_t handed_on(void)
{
	struct trace_snapshot s = now();
	uint64_t n = s.ledger.events;

	snapshot_free(&s);
	return n;
}

static void events_wait_for_one_more_round(void **state)
{
	(void)state;
	put(10, 7, KVM_EVENT_ENTRY);
	order_round(&o, r, false);
	assert_int_equal(handed_on(), 0);
	order_round(&o, r, false);
	assert_int_equal(handed_on(), 1);
}

/* The exit was on CPU 0, whose ring had been read; then the thread moved to CPU 1, read later. */
static void a_thread_that_moves_between_two_looks(void **state)
{
	struct trace_snapshot s;

	(void)state;
	put(10, 7, KVM_EVENT_ENTRY);	/* CPU 0 */
	put(30, 7, KVM_EVENT_ENTRY);	/* CPU 1 */
	put(40, 7, KVM_EVENT_EXIT);
	order_round(&o, r, false);
	put(20, 7, KVM_EVENT_EXIT);	/* CPU 0 */
	put(50, 7, KVM_EVENT_ENTRY);	/* CPU 1 */
	order_round(&o, r, false);
	/* That of 50 may have a sibling that is still unread. */
	assert_int_equal(handed_on(), 4);
	order_round(&o, r, true);
	s = now();
	assert_int_equal(s.ledger.events, 5);
	assert_int_equal(s.ledger.unmatched_entries + s.ledger.unmatched_exits, 0);
	assert_int_equal(s.vcpus[0].guest_ns, 20);
	assert_int_equal(s.vcpus[0].reasons[0].total_ns, 20);
	snapshot_free(&s);
}

static void a_busy_thread_does_not_hurry_another_one(void **state)
{
	(void)state;
	put(100, 8, KVM_EVENT_ENTRY);
	order_round(&o, r, false);
	put(5, 7, KVM_EVENT_ENTRY);	/* older, and seen for the first time */
	order_round(&o, r, false);
	assert_int_equal(handed_on(), 1);
	order_round(&o, r, false);
	assert_int_equal(handed_on(), 2);
}

static void a_gap_ends_what_is_under_way(void **state)
{
	struct trace_snapshot s;

	(void)state;
	put(10, 7, KVM_EVENT_ENTRY);
	put(20, 7, KVM_EVENT_EXIT);
	put(900, 7, KVM_EVENT_ENTRY);
	assert_int_equal(order_loss(&o, 500, 3), 0);
	order_round(&o, r, true);
	s = now();
	assert_int_equal(s.ledger.lost, 3);
	assert_int_equal(s.vcpus[0].reasons[0].count, 1);
	assert_int_equal(s.vcpus[0].reasons[0].timed, 0);
	snapshot_free(&s);
}

static void equal_times_keep_the_order_of_the_ring(void **state)
{
	struct trace_snapshot s;
	int i;

	(void)state;
	put(99, 9, KVM_EVENT_ENTRY);	/* so that there is something to sort */
	for (i = 0; i < 1000; i++) {
		put(50, 7, KVM_EVENT_ENTRY);
		put(50, 7, KVM_EVENT_EXIT);
	}
	order_round(&o, r, true);
	s = now();
	assert_int_equal(s.ledger.unmatched_entries + s.ledger.unmatched_exits, 0);
	snapshot_free(&s);
}

/*
 * Threads that move at random between CPUs whose rings are read at random moments, one after the
 * other: no event may be out of turn. An event appears in its ring long after its time.
 */
static void any_schedule(void **state)
{
	enum { CPUS = 4, THREADS = 6, EVENTS = 20000 };
	static struct { uint64_t ts; pid_t tid; int exit; } ring[CPUS][EVENTS];
	size_t head[CPUS] = { 0 }, tail[CPUS] = { 0 };
	int cpu_of[THREADS] = { 0 }, in_guest[THREADS] = { 0 }, made = 0, reading = 0, i;
	uint64_t clock = 0, pending_ts[THREADS] = { 0 };
	struct trace_snapshot s;

	(void)state;
	srand(7);
	while (made < EVENTS) {
		int t = rand() % THREADS;

		if (!pending_ts[t]) {		/* takes its time ... */
			pending_ts[t] = ++clock;
			continue;
		}
		if (rand() % 3)			/* ... and waits, and is written */
			continue;
		i = cpu_of[t];
		ring[i][head[i]].ts = pending_ts[t];
		ring[i][head[i]].tid = t + 1;
		ring[i][head[i]++].exit = in_guest[t];
		in_guest[t] ^= 1;
		pending_ts[t] = 0;
		made++;
		if (!in_guest[t] && rand() % 4 == 0)
			cpu_of[t] = rand() % CPUS;
		if (rand() % 5)
			continue;
		for (; tail[reading] < head[reading]; tail[reading]++)
			put(ring[reading][tail[reading]].ts, ring[reading][tail[reading]].tid,
			    ring[reading][tail[reading]].exit ? KVM_EVENT_EXIT : KVM_EVENT_ENTRY);
		if (++reading == CPUS) {
			order_round(&o, r, false);
			reading = 0;
		}
	}
	for (i = 0; i < CPUS; i++)
		for (; tail[i] < head[i]; tail[i]++)
			put(ring[i][tail[i]].ts, ring[i][tail[i]].tid,
			    ring[i][tail[i]].exit ? KVM_EVENT_EXIT : KVM_EVENT_ENTRY);
	order_round(&o, r, true);
	s = now();
	assert_int_equal(s.nr_vcpus, THREADS);
	assert_int_equal(s.ledger.events, EVENTS);
	assert_int_equal(s.ledger.unmatched_entries + s.ledger.unmatched_exits +
			 s.ledger.unknown_exits, 0);
	snapshot_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(events_wait_for_one_more_round, setup, teardown),
		cmocka_unit_test_setup_teardown(a_thread_that_moves_between_two_looks, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_busy_thread_does_not_hurry_another_one, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_gap_ends_what_is_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(equal_times_keep_the_order_of_the_ring, setup,
						teardown),
		cmocka_unit_test_setup_teardown(any_schedule, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
