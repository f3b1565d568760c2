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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round_trip),
		cmocka_unit_test(starting_with_an_exit_is_no_fault),
		cmocka_unit_test(exit_after_exit_has_no_time),
		cmocka_unit_test(entry_after_entry_has_no_time),
		cmocka_unit_test(a_clock_that_steps_back_gives_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
