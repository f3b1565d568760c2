// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/offline/sorter.c */
/* Events in order of time, those of equal time in order of arrival. */
#include "unit.h"

#include <stdint.h>
#include <stdlib.h>

#include "offline/sorter.h"

struct item {
	uint64_t ts;
	int nr;
};

static void in_order(void **state)
{
	static const uint64_t ts[] = { 5, 3, 9, 3, 1, 9, 5, 0 };
	struct sorter *s = sorter_new(sizeof(struct item));
	struct item i, last = { 0, -1 };
	size_t n = 0;
	int k;

	(void)state;
	assert_non_null(s);
	assert_false(sorter_take(s, UINT64_MAX, &i));
	for (k = 0; k < 8; k++) {
		i = (struct item){ ts[k], k };
		assert_int_equal(sorter_put(s, i.ts, &i), 0);
	}
	for (; sorter_take(s, UINT64_MAX, &i); n++) {
		assert_true(i.ts > last.ts || (i.ts == last.ts && i.nr > last.nr));
		last = i;
	}
	assert_int_equal(n, 8);
	sorter_free(s);
}

static void not_later_than_asked(void **state)
{
	struct sorter *s = sorter_new(sizeof(struct item));
	struct item i = { 7, 0 };

	(void)state;
	sorter_put(s, 7, &i);
	assert_false(sorter_take(s, 6, &i));
	assert_int_equal(sorter_count(s), 1);
	assert_true(sorter_take(s, 7, &i));
	assert_int_equal(sorter_count(s), 0);
	sorter_free(s);
	sorter_free(NULL);
}

/* Against a plain count, with takes in between. */
static void many(void **state)
{
	struct sorter *s = sorter_new(sizeof(struct item));
	uint64_t floor = 0, taken = 0;
	struct item i;
	int k;

	(void)state;
	srand(1);
	for (k = 0; k < 20000; k++) {
		i = (struct item){ floor + (uint64_t)rand() % 1000, k };
		assert_int_equal(sorter_put(s, i.ts, &i), 0);
		if (k % 3 == 0 && sorter_take(s, floor + 300, &i)) {
			assert_true(i.ts >= floor);
			floor = i.ts;
			taken++;
		}
	}
	for (; sorter_take(s, UINT64_MAX, &i); taken++) {
		assert_true(i.ts >= floor);
		floor = i.ts;
	}
	assert_int_equal(taken, 20000);
	sorter_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(not_later_than_asked),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
