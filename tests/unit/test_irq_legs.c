// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/core/irq_legs.c tracer/core/hist.c */
/* The way of an interrupt, and all that can come out of turn. */
#include "unit.h"

#include <string.h>

#include "core/irq_legs.h"

static void a_whole_way(void **state)
{
	struct irq_flow f = { 0 };
	hist_u64 ns;

	(void)state;
	assert_true(irq_accept(&f, 100, 0));
	assert_int_equal(irq_inject(&f, 130, 0, 0, &ns), IRQ_TIMED);
	assert_int_equal(ns, 30);
	assert_int_equal(irq_entry(&f, 135, &ns), IRQ_TIMED);
	assert_int_equal(ns, 5);
	assert_int_equal(irq_eoi(&f, 200, &ns), IRQ_TIMED);
	assert_int_equal(ns, 65);
	assert_int_equal(irq_waiting(&f), 0);
}

static void coalesced_ones_keep_the_first_time(void **state)
{
	struct irq_flow f = { 0 };
	hist_u64 ns;

	(void)state;
	assert_true(irq_accept(&f, 100, 0));
	assert_false(irq_accept(&f, 110, 1));
	assert_false(irq_accept(&f, 120, 1));
	assert_int_equal(irq_inject(&f, 150, 0, 0, &ns), IRQ_TIMED);
	assert_int_equal(ns, 50);
	assert_int_equal(irq_inject(&f, 160, 0, 0, &ns), IRQ_UNTIMED);
}

/* KVM has taken the first out of the IRR but not said so yet: the second is no coalesced one. */
static void accepted_between_irr_and_injection(void **state)
{
	struct irq_flow f = { 0 };
	hist_u64 ns;

	(void)state;
	irq_accept(&f, 100, 0);
	assert_true(irq_accept(&f, 140, 0));
	assert_int_equal(irq_waiting(&f), 2);
	/* The second still waits in the IRR. */
	assert_int_equal(irq_inject(&f, 150, 0, 1, &ns), IRQ_TIMED);
	assert_int_equal(ns, 50);
	irq_entry(&f, 151, &ns);
	irq_eoi(&f, 155, &ns);
	assert_int_equal(irq_inject(&f, 160, 0, 0, &ns), IRQ_TIMED);
	assert_int_equal(ns, 20);
	assert_int_equal(irq_waiting(&f), 0);
}

/* An APIC that is reset forgets what it had accepted; its time must not be taken for another's. */
static void a_dropped_one_leaves_no_trace(void **state)
{
	struct irq_flow f = { 0 };
	hist_u64 ns;
	int i;

	(void)state;
	for (i = 0; i < 5; i++)
		assert_true(irq_accept(&f, (hist_u64)(100 + i), 0));
	assert_int_equal(irq_inject(&f, 1000, 0, 0, &ns), IRQ_TIMED);
	assert_int_equal(ns, 896);
	assert_int_equal(irq_waiting(&f), 0);
	irq_accept(&f, 2000, 0);
	assert_int_equal(irq_inject(&f, 2007, 0, 0, &ns), IRQ_TIMED);
	assert_int_equal(ns, 7);
}

static void reinjection_is_no_new_interrupt(void **state)
{
	struct irq_flow f = { 0 };
	hist_u64 ns;

	(void)state;
	irq_accept(&f, 100, 0);
	irq_inject(&f, 110, 0, 0, &ns);
	/* Cancelled before the entry: the time goes on from the first attempt. */
	assert_int_equal(irq_inject(&f, 120, 1, 0, &ns), IRQ_AGAIN);
	assert_int_equal(ns, 0);
	assert_int_equal(irq_entry(&f, 125, &ns), IRQ_TIMED);
	assert_int_equal(ns, 15);
	/* Exit during delivery: one entry has a time, the EOI's begins at the last one. */
	assert_int_equal(irq_inject(&f, 130, 1, 0, &ns), IRQ_AGAIN);
	assert_int_equal(irq_entry(&f, 140, &ns), IRQ_AGAIN);
	assert_int_equal(irq_eoi(&f, 150, &ns), IRQ_TIMED);
	assert_int_equal(ns, 10);
}

/* The next one on this vector starts afresh after that. */
static void after_a_reinjection(void **state)
{
	struct irq_flow f = { 0 };
	hist_u64 ns;

	(void)state;
	irq_accept(&f, 100, 0);
	irq_inject(&f, 110, 0, 0, &ns);
	irq_entry(&f, 111, &ns);
	irq_inject(&f, 112, 1, 0, &ns);
	irq_entry(&f, 113, &ns);
	irq_eoi(&f, 114, &ns);
	irq_accept(&f, 200, 0);
	assert_int_equal(irq_inject(&f, 210, 0, 0, &ns), IRQ_TIMED);
	assert_int_equal(irq_entry(&f, 213, &ns), IRQ_TIMED);
	assert_int_equal(ns, 3);
}

static void starting_in_the_middle(void **state)
{
	struct irq_flow f = { 0 };
	hist_u64 ns;

	(void)state;
	/* Of an interrupt injected before anybody looked. */
	assert_int_equal(irq_eoi(&f, 100, &ns), IRQ_UNTIMED);
	assert_int_equal(ns, 0);
	assert_int_equal(irq_entry(&f, 105, &ns), IRQ_UNTIMED);
	/* Reinjected, accepted before. */
	assert_int_equal(irq_inject(&f, 110, 1, 0, &ns), IRQ_AGAIN);
	assert_int_equal(irq_entry(&f, 115, &ns), IRQ_TIMED);
	assert_int_equal(ns, 5);
	assert_int_equal(irq_eoi(&f, 120, &ns), IRQ_TIMED);
	assert_int_equal(irq_eoi(&f, 130, &ns), IRQ_UNTIMED);
	/* Injected first, accepted before. */
	assert_int_equal(irq_inject(&f, 140, 0, 0, &ns), IRQ_UNTIMED);
	assert_int_equal(irq_entry(&f, 141, &ns), IRQ_TIMED);
}

static void what_hardware_takes_is_not_injected(void **state)
{
	struct irq_flow f = { 0 };
	hist_u64 ns;

	(void)state;
	irq_accept(&f, 100, 0);
	irq_hardware(&f);
	assert_int_equal(irq_waiting(&f), 0);
	assert_int_equal(irq_eoi(&f, 120, &ns), IRQ_UNTIMED);
	/* APICv is switched off: the ordinary way again, with its own time. */
	irq_accept(&f, 200, 0);
	assert_int_equal(irq_inject(&f, 230, 0, 0, &ns), IRQ_TIMED);
	assert_int_equal(ns, 30);
}

static void a_clock_that_steps_back_gives_zero(void **state)
{
	struct irq_flow f = { 0 };
	hist_u64 ns = 7;

	(void)state;
	irq_accept(&f, 100, 0);
	assert_int_equal(irq_inject(&f, 90, 0, 0, &ns), IRQ_TIMED);
	assert_int_equal(ns, 0);
}

/* The counters are 32 bits wide and go on past their end. */
static void counters_wrap(void **state)
{
	struct irq_flow f = { .fresh = UINT32_MAX, .taken = UINT32_MAX };
	hist_u64 ns;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		irq_accept(&f, (hist_u64)(100 * i), 0);
		assert_int_equal(irq_inject(&f, (hist_u64)(100 * i + 9), 0, 0, &ns), IRQ_TIMED);
		assert_int_equal(ns, 9);
	}
}

/*
 * Every order of 10 events against a model of the APIC: never more times than interrupts, and every
 * injection of one that was accepted under our eyes has a time.
 */
static void any_order_is_accounted_for(void **state)
{
	unsigned int order, i;

	(void)state;
	for (order = 0; order < 1u << 20; order++) {
		unsigned int fresh = 0, timed = 0, irr = 0, in_service = 0;
		struct irq_flow f = { 0 };
		hist_u64 ns = 0, now = 0;

		for (i = 0; i < 10; i++) {
			now += 10;
			switch (order >> (2 * i) & 3) {
			case 0:
				assert_int_equal(irq_accept(&f, now, (int)irr), !irr);
				fresh += !irr;
				irr = 1;
				break;
			case 1:
				if (!irr || in_service)
					break;
				irr = 0;
				in_service = 1;
				assert_int_equal(irq_inject(&f, now, 0, 0, &ns), IRQ_TIMED);
				timed++;
				break;
			case 2:
				irq_entry(&f, now, &ns);
				break;
			default:
				irq_eoi(&f, now, &ns);
				in_service = 0;
			}
			assert_true(ns <= now);
		}
		assert_int_equal(irq_waiting(&f), irr);
		assert_int_equal(fresh, timed + irr);
	}
}

static void sums_and_differences_of_a_leg(void **state)
{
	struct irq_leg_stat a = { 0 }, b = { 0 }, before;

	(void)state;
	irq_leg_book(&a, 100);
	irq_leg_book(&a, 5000);
	before = a;
	irq_leg_book(&a, 700);
	irq_leg_book(&a, 90000);
	b = a;
	irq_leg_sub(&b, &before);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.total_ns, 90700);
	assert_int_equal(b.max_ns, 90000);	/* the largest of the whole: exact */
	assert_true(b.min_ns <= 700 && b.min_ns > 700 * 7 / 8);
	irq_leg_add(&before, &b);
	assert_int_equal(before.n, 4);
	assert_int_equal(before.min_ns, 100);
	assert_int_equal(before.max_ns, 90000);
	assert_memory_equal(&before.hist, &a.hist, sizeof(a.hist));
	irq_leg_sub(&a, &before);
	assert_int_equal(a.n, 0);
	assert_int_equal(a.max_ns, 0);
	assert_int_equal(irq_leg_percentile(&before, 100), 90000);
}

static void every_leg_and_source_has_a_name(void **state)
{
	int i, k;

	(void)state;
	for (i = 0; i < IRQ_NR_LEGS; i++)
		for (k = 0; k < i; k++)
			assert_string_not_equal(irq_leg_name((enum irq_leg)i),
						irq_leg_name((enum irq_leg)k));
	for (i = 0; i < IRQ_NR_SOURCES; i++)
		for (k = 0; k < i; k++)
			assert_string_not_equal(irq_source_name((enum irq_source)i),
						irq_source_name((enum irq_source)k));
	assert_string_equal(irq_leg_label(IRQ_LEG_EOI), "exact");
	assert_string_equal(irq_leg_label(IRQ_LEG_EOI_PV), "bound");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_way),
		cmocka_unit_test(coalesced_ones_keep_the_first_time),
		cmocka_unit_test(accepted_between_irr_and_injection),
		cmocka_unit_test(a_dropped_one_leaves_no_trace),
		cmocka_unit_test(reinjection_is_no_new_interrupt),
		cmocka_unit_test(after_a_reinjection),
		cmocka_unit_test(starting_in_the_middle),
		cmocka_unit_test(what_hardware_takes_is_not_injected),
		cmocka_unit_test(a_clock_that_steps_back_gives_zero),
		cmocka_unit_test(counters_wrap),
		cmocka_unit_test(any_order_is_accounted_for),
		cmocka_unit_test(sums_and_differences_of_a_leg),
		cmocka_unit_test(every_leg_and_source_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
