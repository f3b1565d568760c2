// SPDX-License-Identifier: GPL-2.0
/* LINK: */
/* Pairing of entries and exits, with all that can come out of turn. */
#include "unit.h"

#include "core/pair.h"

static void a_round_trip(void **state)
{
	unsigned long long ns;
	struct pair p = { 0 };

	(void)state;
	assert_int_equal(pair_entry(&p, 100, &ns), PAIR_FIRST);
	assert_int_equal(ns, 0);
	assert_int_equal(pair_exit(&p, 170, &ns), PAIR_TIMED);
	assert_int_equal(ns, 70);
	assert_int_equal(pair_entry(&p, 175, &ns), PAIR_TIMED);
	assert_int_equal(ns, 5);
}

static void starting_with_an_exit_is_no_fault(void **state)
{
	unsigned long long ns;
	struct pair p = { 0 };

	(void)state;
	assert_int_equal(pair_exit(&p, 100, &ns), PAIR_FIRST);
	assert_int_equal(ns, 0);
	assert_int_equal(pair_entry(&p, 130, &ns), PAIR_TIMED);
	assert_int_equal(ns, 30);
}

static void exit_after_exit_has_no_time(void **state)
{
	unsigned long long ns;
	struct pair p = { 0 };

	(void)state;
	pair_entry(&p, 100, &ns);
	pair_exit(&p, 200, &ns);
	assert_int_equal(pair_exit(&p, 300, &ns), PAIR_UNMATCHED);
	assert_int_equal(ns, 0);
	/* The handling time is that of the second exit. */
	assert_int_equal(pair_entry(&p, 310, &ns), PAIR_TIMED);
	assert_int_equal(ns, 10);
}

static void entry_after_entry_has_no_time(void **state)
{
	unsigned long long ns;
	struct pair p = { 0 };

	(void)state;
	pair_entry(&p, 100, &ns);
	assert_int_equal(pair_entry(&p, 150, &ns), PAIR_UNMATCHED);
	assert_int_equal(ns, 0);
	assert_int_equal(pair_exit(&p, 170, &ns), PAIR_TIMED);
	assert_int_equal(ns, 20);
}

static void a_clock_that_steps_back_gives_zero(void **state)
{
	unsigned long long ns;
	struct pair p = { 0 };

	(void)state;
	pair_entry(&p, 100, &ns);
	assert_int_equal(pair_exit(&p, 90, &ns), PAIR_TIMED);
	assert_int_equal(ns, 0);
}

/* All 4096 orders of 12 events: each is exactly one of first, timed, unmatched. */
static void any_order_is_accounted_for(void **state)
{
	unsigned int order, i;

	(void)state;
	for (order = 0; order < 1u << 12; order++) {
		unsigned int n[3] = { 0 }, repeats = 0, prev = 2;
		unsigned long long ns, sum = 0;
		struct pair p = { 0 };

		for (i = 0; i < 12; i++) {
			unsigned int is_exit = order >> i & 1;

			n[(is_exit ? pair_exit : pair_entry)(&p, 10 * (i + 1), &ns)]++;
			repeats += is_exit == prev;
			prev = is_exit;
			sum += ns;
		}
		assert_int_equal(n[PAIR_FIRST], 1);
		assert_int_equal(n[PAIR_UNMATCHED], repeats);
		assert_int_equal(n[PAIR_TIMED], 11 - repeats);
		assert_int_equal(sum, 10 * (11 - repeats));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round_trip),
		cmocka_unit_test(starting_with_an_exit_is_no_fault),
		cmocka_unit_test(exit_after_exit_has_no_time),
		cmocka_unit_test(entry_after_entry_has_no_time),
		cmocka_unit_test(a_clock_that_steps_back_gives_zero),
		cmocka_unit_test(any_order_is_accounted_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
