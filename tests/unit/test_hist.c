// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/core/hist.c */
/* The histogram: every value has one bucket, buckets leave no gap, percentiles err by 12.5 %. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "core/hist.h"

static void buckets_leave_no_gap(void **state)
{
	unsigned int i;

	(void)state;
	assert_int_equal(hist_lower(0), 0);
	for (i = 0; i + 1 < HIST_BUCKETS; i++) {
		assert_int_equal(hist_upper(i) + 1, hist_lower(i + 1));
		assert_int_equal(hist_index(hist_lower(i)), i);
		assert_int_equal(hist_index(hist_upper(i)), i);
	}
}

static void bucket_width_is_an_eighth(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 1; i + 1 < HIST_BUCKETS; i++)
		assert_true((hist_upper(i) - hist_lower(i)) * 8 <= hist_lower(i));
}

static void extremes_stay_inside(void **state)
{
	(void)state;
	assert_int_equal(hist_index(0), 0);
	assert_int_equal(hist_index(1ull << 36), HIST_BUCKETS - 8);
	assert_int_equal(hist_index(1ull << 37), HIST_BUCKETS - 1);
	assert_int_equal(hist_index(UINT64_MAX), HIST_BUCKETS - 1);
	assert_int_equal(hist_upper(HIST_BUCKETS - 1), UINT64_MAX);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void percentiles_bound_the_truth(void **state)
{
	static const double ps[] = { 1, 50, 90, 99, 99.9, 100 };
	enum { N = 4999 };
	static uint64_t v[N];
	struct hist h;
	size_t i;

	(void)state;
	memset(&h, 0, sizeof(h));
	srand48(7);
	for (i = 0; i < N; i++) {
		v[i] = (uint64_t)(drand48() * drand48() * 1e7);
		h.n[hist_index(v[i])]++;
	}
	qsort(v, N, sizeof(v[0]), by_value);
	assert_int_equal(hist_count(&h), N);
	for (i = 0; i < sizeof(ps) / sizeof(ps[0]); i++) {
		size_t rank = (size_t)(ps[i] / 100 * N + 0.999999);
		uint64_t truth = v[(rank < 1 ? 1 : rank > N ? N : rank) - 1];
		uint64_t got = hist_percentile(&h, ps[i]);

		assert_true(got >= truth);
		assert_true(got <= truth + truth / 8 + 1);
	}
}

static void empty_and_merge(void **state)
{
	struct hist a, b;

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	assert_int_equal(hist_percentile(&a, 50), 0);
	a.n[3] = 2;
	b.n[3] = 5;
	b.n[10] = 1;
	hist_merge(&a, &b);
	assert_int_equal(a.n[3], 7);
	assert_int_equal(hist_count(&a), 8);
	assert_int_equal(hist_percentile(&a, 50), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_leave_no_gap),
		cmocka_unit_test(bucket_width_is_an_eighth),
		cmocka_unit_test(extremes_stay_inside),
		cmocka_unit_test(percentiles_bound_the_truth),
		cmocka_unit_test(empty_and_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
