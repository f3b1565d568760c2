// SPDX-License-Identifier: GPL-2.0
/* LINK: tracer/core/estimate.c tracer/core/hist.c */
/*
 * Which exits are timed, and what that says about all: no pattern of exits hides from the sampler,
 * its cost is bounded, and the estimates are as far from the truth as their standard error says.
 * The generator is seeded, so every run has the same figures.
 */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "core/estimate.h"
#include "core/sample.h"

/* A vCPU that is sampled as bpf/exits_fast.h does it. */
struct run {
	struct sampler sampler;
	unsigned int every;
	uint64_t seed, now, exits, timed, weight;
	struct exit_stat kind[2];
};

static void exit_of(struct run *r, int kind, uint64_t handling, uint64_t guest)
{
	struct exit_stat *e = &r->kind[kind];

	r->now += guest;
	r->exits++;
	e->count++;
	if (!sampler_due(&r->sampler)) {
		sampler_skip(&r->sampler);
		e->skipped++;
	} else {
		uint64_t w = sampler_take(&r->sampler, r->every, r->now, r->seed + 1);

		if (!e->timed || handling < e->min_ns)
			e->min_ns = handling;
		if (handling > e->max_ns)
			e->max_ns = handling;
		e->timed++;
		e->total_ns += w * handling;
		e->weight_more += w - 1;
		e->square_more += w * w - 1;
		e->hist.n[hist_index(handling)] += w;
		r->timed++;
		r->weight += w;
	}
	r->now += handling;
}

static void every_exit_with_1(void **state)
{
	struct run r = { .every = 1 };
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		exit_of(&r, 0, 500, 500);
	assert_int_equal(r.timed, 1000);
	assert_false(estimate_is_sampled(&r.kind[0]));
	assert_int_equal(estimate_total(&r.kind[0]), 500000);
	assert_true(estimate_error(&r.kind[0]) == 0);
}

/* The sum of weights is the number of exits, but for chance: its variance is (N - 1) * exits. */
static void weights_add_up(void **state)
{
	double off, mean = 0;
	int k, i;

	(void)state;
	for (k = 0; k < 100; k++) {
		struct run r = { .every = 16, .seed = (uint64_t)k * 1000003 };

		for (i = 0; i < 10007; i++)
			exit_of(&r, i % 3 == 0, 500, 500);
		off = (double)r.weight / (double)r.exits - 1;
		assert_true(fabs(off) < 4.5 * sqrt(15.0 / 10007));
		mean += off / 100;
	}
	assert_true(fabs(mean) < 3 * sqrt(15.0 / 10007 / 100));
}

/* Share of the gaps longer than k: (1 - 1/N)^k, and a mean of N. */
static void gaps_are_geometric(void **state)
{
	static const unsigned int every[] = { 2, 3, 16, 100, 4096 };
	enum { DRAWS = 400000 };
	unsigned int n;
	size_t p;

	(void)state;
	for (p = 0; p < sizeof(every) / sizeof(every[0]); p++) {
		static const double part[] = { 0.05, 0.5, 1, 2, 4 };
		struct sampler s = { 0 };
		unsigned int longer[5] = { 0 }, i, k;
		double sum = 0;

		n = every[p];
		for (i = 0; i < DRAWS; i++) {
			assert_int_equal(sampler_take(&s, n, 0, 7), i ? n : 1);
			assert_true(s.gap >= 1 && s.gap == s.left);
			sum += s.gap;
			for (k = 0; k < 5; k++)
				longer[k] += s.gap > floor(part[k] * n);
		}
		assert_true(fabs(sum / DRAWS / n - 1) < 0.012);
		for (k = 0; k < 5; k++) {
			double want = pow(1 - 1.0 / n, floor(part[k] * n));

			assert_true(fabs((double)longer[k] / DRAWS - want) < 0.006);
		}
	}
}

/* With a fixed gap, one of two reasons in turn would never be timed. */
static void a_pattern_does_not_hide(void **state)
{
	int period, i;

	(void)state;
	for (period = 2; period <= 64; period *= 2) {
		struct run r = { .every = 16, .seed = (uint64_t)period };
		double share;

		for (i = 0; i < 200000; i++)
			exit_of(&r, i % period == 0, 500, 500);
		share = (double)r.kind[1].timed / (double)r.timed * period;
		assert_true(share > 0.8 && share < 1.2);
	}
}

/* Times of two kinds, one in turn with the other, that a seed draws. */
static uint64_t next(uint64_t *x)
{
	*x = *x * 6364136223846793005ull + 1442695040888963407ull;
	return *x >> 33;
}

/* Over 400 seeds: no bias, and the truth is as often within k standard errors as it should be. */
static void estimates_hold(void **state)
{
	int within1 = 0, within2 = 0, n = 400, k, i;
	double bias = 0;

	(void)state;
	for (k = 0; k < n; k++) {
		struct run r = { .every = 8, .seed = (uint64_t)k * 77 };
		uint64_t x = (uint64_t)k + 1, truth = 0;
		double error, off;

		for (i = 0; i < 8000; i++) {
			uint64_t ns = 500 + next(&x) % 4000 + (next(&x) % 16 ? 0 : 20000);

			exit_of(&r, 0, ns, 700);
			truth += ns;
		}
		error = estimate_error(&r.kind[0]);
		off = (double)estimate_total(&r.kind[0]) - (double)truth;
		bias += off / (double)truth / n;
		within1 += fabs(off) <= error;
		within2 += fabs(off) <= 2 * error;
		assert_true(error > 0 && error < 0.1 * (double)truth);
	}
	assert_true(fabs(bias) < 0.005);
	assert_in_range(within1, n * 60 / 100, n * 80 / 100);
	assert_in_range(within2, n * 91 / 100, n);
}

/*
 * A kind that is short while many exits come, and long while few do. Only weights make up for that
 * few of the short ones are timed: without them the mean would be of the long ones. And a change of
 * rate must not give what comes after it the weight of more than it stands for.
 */
static void weights_matter(void **state)
{
	double mean = 0, m, square = 0;
	int turn, i, k, n = 100;

	(void)state;
	for (k = 0; k < n; k++) {
		struct run r = { .seed = (uint64_t)k * 1000003 };
		uint64_t truth = 0;

		for (turn = 0; turn < 20; turn++) {
			for (i = 0; i < 20000; i++, truth += 300)
				exit_of(&r, 0, 300, 200);
			for (i = 0; i < 2000; i++, truth += 50000)
				exit_of(&r, 0, 50000, 100000);
		}
		assert_true(r.timed < r.exits / 5);
		m = (double)estimate_total(&r.kind[0]) / (double)truth - 1;
		mean += m / n;
		square += m * m / n;
	}
	/* No bias that four standard errors of this mean would show. */
	assert_true(fabs(mean) < 4 * sqrt(square / n));
	assert_true(sqrt(square) < 0.15);
}

/* Auto: every exit of a vCPU that makes few; a bounded number a second of one that makes many. */
static void auto_follows_the_rate(void **state)
{
	static const uint64_t period[] = { 300, 1000, 3000, 10000, 30000, 60000, 1000000 };
	size_t p;

	(void)state;
	for (p = 0; p < sizeof(period) / sizeof(period[0]); p++) {
		struct run r = { 0 };
		double rate;

		while (r.now < 3000000000u)
			exit_of(&r, 0, period[p] / 2, period[p] / 2);
		rate = (double)r.timed / 3;
		if (period[p] > SAMPLE_NS / 2) {
			assert_int_equal(r.timed, r.exits);
			assert_false(estimate_is_sampled(&r.kind[0]));
		} else {
			/* Not less than meant, and with what comes before the rate is known, not
			 * more than twice that. */
			assert_true(rate > 0.8 * 1e9 / SAMPLE_NS && rate < 2.1 * 1e9 / SAMPLE_NS);
		}
	}
}

/* Short bursts of a vCPU that sleeps in between are timed as a whole. */
static void auto_times_bursts(void **state)
{
	struct run r = { 0 };
	int i, k;

	(void)state;
	for (i = 0; i < 100; i++) {
		for (k = 0; k < 50; k++)
			exit_of(&r, 0, 500, 500);
		r.now += 20000000;
	}
	assert_int_equal(r.timed, r.exits);
}

/* A rate that falls: the sampler does not go on waiting for exits of another time. */
static void auto_comes_back(void **state)
{
	struct run r = { 0 };
	uint64_t before;
	int i;

	(void)state;
	for (i = 0; i < 1000000; i++)
		exit_of(&r, 0, 150, 150);
	assert_true(r.sampler.n > 100);
	for (i = 0; i < 2000; i++)
		exit_of(&r, 0, 1000, 999000);
	before = r.timed;
	for (i = 0; i < 1000; i++)
		exit_of(&r, 0, 1000, 999000);
	assert_int_equal(r.timed - before, 1000);
}

/* After a silence the rate is a new one, at once. */
static void auto_forgets(void **state)
{
	struct run r = { 0 };
	uint64_t before;
	int i;

	(void)state;
	for (i = 0; i < 1000000; i++)
		exit_of(&r, 0, 150, 150);
	assert_true(r.sampler.n > 100);
	r.now += 20000000;
	for (before = r.timed; r.timed == before;)
		exit_of(&r, 0, 150, 150);
	before = r.timed;
	for (i = 0; i < 50; i++)
		exit_of(&r, 0, 150, 150);
	assert_int_equal(r.timed - before, 50);
}

/* What was seen has no error: with one exit of a thousand not timed, next to none is left. */
static void hardly_any_skipped(void **state)
{
	struct exit_stat e = { .count = 1000, .skipped = 1, .timed = 999, .weight_more = 1,
			       .square_more = 3, .total_ns = 2000000,
			       .min_ns = 1000, .max_ns = 3000 };

	(void)state;
	e.hist.n[hist_index(1000)] = e.hist.n[hist_index(3000)] = 500;
	/* 1000 ns * 1000 / sqrt(1000) = 31.6 us, times sqrt(0.001). */
	assert_in_range(estimate_error(&e), 900, 1200);
}

static void a_kind_that_was_never_timed(void **state)
{
	struct exit_stat e = { .count = 5, .skipped = 5 };

	(void)state;
	assert_true(estimate_is_sampled(&e));
	assert_int_equal(estimate_total(&e), 0);
	assert_true(isnan(estimate_error(&e)));
}

/* Of the chosen a third had no entry behind them; so had, it is taken, of the others. */
static void exits_without_entry(void **state)
{
	struct exit_stat e = { .count = 300, .skipped = 270, .timed = 20, .weight_more = 180,
			       .total_ns = 200 * 50, .min_ns = 50, .max_ns = 50 };

	(void)state;
	e.hist.n[hist_index(50)] = 200;
	assert_int_equal(estimate_total(&e), 200 * 50);
	assert_true(estimate_error(&e) < 1);
}

static void time_in_guest(void **state)
{
	struct vcpu_trace v = { .exits = 100, .guest_ns = 12345 };

	(void)state;
	assert_int_equal(estimate_guest(&v), 12345);
	v.skipped = 90;
	v.guest_timed = 10;
	v.guest_more = 70;
	v.guest_ns = 80 * 11;
	assert_int_equal(estimate_guest(&v), 1100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_exit_with_1),
		cmocka_unit_test(weights_add_up),
		cmocka_unit_test(gaps_are_geometric),
		cmocka_unit_test(a_pattern_does_not_hide),
		cmocka_unit_test(estimates_hold),
		cmocka_unit_test(weights_matter),
		cmocka_unit_test(auto_follows_the_rate),
		cmocka_unit_test(auto_times_bursts),
		cmocka_unit_test(auto_comes_back),
		cmocka_unit_test(auto_forgets),
		cmocka_unit_test(hardly_any_skipped),
		cmocka_unit_test(a_kind_that_was_never_timed),
		cmocka_unit_test(exits_without_entry),
		cmocka_unit_test(time_in_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
