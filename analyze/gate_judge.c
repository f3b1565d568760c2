// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of the gate for one workload: did a number move, and what follows for the workload. The
 * hard thing is to fail for what matters and for nothing else. All exits and the signals are judged
 * by themselves; a reason alone matters only if the total did not fall, since exits that turn into
 * fewer exits of another reason are what an optimization looks like.
 */
#include "analyze/gate_judge.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/baseline.h"
#include "analyze/facts.h"
#include "analyze/welch.h"
#include "run/scenario_msg.h"

static const json_t *list_of(const json_t *load, const char *key)
{
	return json_object_get(json_object_get(load, "numbers"), key);
}

/* A run's count; a reason that is not listed did not occur. */
static double count_at(const json_t *load, const char *key, size_t run)
{
	return json_number_value(json_array_get(list_of(load, key), run));
}

static double work_at(const json_t *load, size_t run)
{
	return json_number_value(json_array_get(json_object_get(load, "work"), run));
}

static int64_t integer_at(const json_t *load, const char *key, size_t run)
{
	return json_integer_value(json_array_get(list_of(load, key), run));
}

/* Is there something to compare? A signal may be missing on a side. */
static bool is_judged(const struct judging *j, struct gate_number *n)
{
	const json_t *old = list_of(j->old, n->key), *new = list_of(j->new, n->key);

	if (n->kind != NUMBER_SIGNAL || (json_is_array(old) && json_is_array(new)))
		return true;
	n->not_counted = true;
	n->move = MOVE_NOT_JUDGED;
	if (json_is_array(old)) {
		n->move = MOVE_UNDECIDED;
		snprintf(n->why, sizeof(n->why), "not counted now: %s",
			 sc_quote(json_is_string(new) ? json_string_value(new) :
				  "the records do not have it").s);
	} else {
		snprintf(n->why, sizeof(n->why), "%s", sc_quote(json_is_string(old) ?
			 json_string_value(old) : "the baseline does not have it").s);
	}
	return false;
}

static void judge_exact(const struct judging *j, const struct gate_load *l, struct gate_number *n)
{
	/* Repeats that are all the same count as one, so the sides may have unlike many. */
	size_t runs = l->old_runs == l->new_runs ? l->old_runs : 1, i;

	n->move = MOVE_NONE;
	for (i = 0; i < runs; i++) {
		int64_t u = integer_at(j->old, n->key, i), v = integer_at(j->new, n->key, i);

		if (u == v)
			continue;
		/* Of repeats that go apart, what goes up is the one to tell. */
		if (n->move != MOVE_UP)
			n->move = v > u ? MOVE_UP : MOVE_DOWN;
	}
}

static void judge_effect(struct gate_number *n)
{
	double d = n->new_rate - n->old_rate;

	/* 5 % of 1.6 is 0.08 and not a trifle more, whatever the last bit says. */
	if (d == 0 || fabs(d) * (1 + 1e-9) < n->threshold)
		n->move = MOVE_NONE;
	else
		n->move = d > 0 ? MOVE_UP : MOVE_DOWN;
}

/* How many repeats would narrow the interval enough, if the spread stays: its square root rules. */
static void advise(const struct gate_load *l, struct gate_number *n, double difference)
{
	double half = (n->high - n->low) / 2, margin = fabs(fabs(difference) - n->threshold);
	size_t runs = l->old_runs < l->new_runs ? l->old_runs : l->new_runs;
	double needed = margin > 0 ? ceil(runs * (half / margin) * (half / margin)) : INFINITY;

	if (needed <= 1000)
		snprintf(n->why, sizeof(n->why), "about %.0f repeats on each side would decide",
			 needed > runs ? needed : runs + 1);
	else
		snprintf(n->why, sizeof(n->why), "too close to the smallest effect that counts");
}

static int rates_of(const json_t *load, const char *key, size_t runs, double **out)
{
	size_t i;

	*out = calloc(runs, sizeof(**out));
	for (i = 0; *out && i < runs; i++)
		(*out)[i] = count_at(load, key, i) / work_at(load, i);
	return *out ? 0 : -ENOMEM;
}

static int judge_interval(const struct judging *j, const struct gate_load *l,
			  struct gate_number *n)
{
	double *old = NULL, *new = NULL;
	struct welch w;
	int rc = 0;

	n->move = MOVE_UNDECIDED;
	if (l->old_runs < WELCH_MIN_RUNS || l->new_runs < WELCH_MIN_RUNS) {
		snprintf(n->why, sizeof(n->why), "too few repeats");
		return 0;
	}
	if (rates_of(j->old, n->key, l->old_runs, &old) ||
	    rates_of(j->new, n->key, l->new_runs, &new)) {
		rc = -ENOMEM;
	} else if (!welch_interval(old, l->old_runs, new, l->new_runs, l->confidence / 100, &w)) {
		snprintf(n->why, sizeof(n->why), "no finite interval; the values are too large");
	} else {
		n->has_interval = true;
		n->low = w.low;
		n->high = w.high;
		n->old_rate = 0;
		for (size_t i = 0; i < l->old_runs; i++)
			n->old_rate += old[i] / l->old_runs;
		n->new_rate = n->old_rate + w.difference;
		if (w.low > 0 && w.low >= n->threshold)
			n->move = MOVE_UP;
		else if (w.high < 0 && w.high <= -n->threshold)
			n->move = MOVE_DOWN;
		else if (w.low >= -n->threshold && w.high <= n->threshold)
			n->move = MOVE_NONE;
		else
			advise(l, n, w.difference);
	}
	free(old);
	free(new);
	return rc;
}

/* What a difference must reach. A few events more of a rare signal are no finding either. */
static double threshold_of(const struct gate_load *l, const struct gate_number *n, double total)
{
	double of = n->kind == NUMBER_SIGNAL ? fmax(n->old_rate, total) : total;

	return l->min_effect / 100 * of;
}

static int list_numbers(const struct judging *j, struct gate_load *l)
{
	json_t *all = json_copy(json_object_get(j->old, "numbers"));
	const char **keys = NULL;
	size_t n = 0, i;
	int rc = -ENOMEM;

	if (!all || json_object_update_missing(all, json_object_get(j->new, "numbers")))
		goto out;
	keys = sorted_keys(all, &n);
	l->numbers = calloc(n + 1, sizeof(*l->numbers));
	if (!keys || !l->numbers)
		goto out;
	for (i = 0; i < n; i++) {
		struct gate_number *x = &l->numbers[l->n++];

		snprintf(x->key, sizeof(x->key), "%s", keys[i]);
		x->kind = number_kind(keys[i]);
		x->old_count = baseline_sum(j->old, keys[i]);
		x->new_count = baseline_sum(j->new, keys[i]);
		x->old_rate = x->old_count / l->old_work;
		x->new_rate = x->new_count / l->new_work;
	}
	rc = 0;
out:
	json_decref(all);
	free(keys);
	return rc;
}

static int judge_numbers(const struct judging *j, struct gate_load *l)
{
	double total = baseline_sum(j->old, "exits") / l->old_work;
	size_t judged = 0, i;
	int rc = 0;

	for (i = 0; i < l->n; i++)
		judged += is_judged(j, &l->numbers[i]);
	/* Bonferroni: all intervals together are to have the confidence asked for. */
	if (l->method == GATE_STATISTICAL)
		l->confidence = 100 - (100 - j->options->confidence) / (judged ? judged : 1);
	for (i = 0; i < l->n && !rc; i++) {
		struct gate_number *n = &l->numbers[i];

		if (!is_judged(j, n))
			continue;
		n->threshold = threshold_of(l, n, total);
		if (l->method == GATE_EXACT)
			judge_exact(j, l, n);
		else if (l->method == GATE_EFFECT)
			judge_effect(n);
		else
			rc = judge_interval(j, l, n);
	}
	return rc;
}

/* Numbers of a kind that moved so. */
static size_t moved(const struct gate_load *l, bool reasons, enum gate_move move)
{
	size_t found = 0, i;

	for (i = 0; i < l->n; i++)
		found += (l->numbers[i].kind == NUMBER_REASON) == reasons &&
			 l->numbers[i].move == move;
	return found;
}

bool judge_same_work(const struct judging *j)
{
	const json_t *old = json_object_get(j->old, "work"), *new = json_object_get(j->new, "work");

	if (json_array_size(old) == json_array_size(new))
		return json_equal(old, new);
	return json_equal(json_array_get(old, 0), json_array_get(new, 0));
}

static enum gate_move total_move(const struct gate_load *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (l->numbers[i].kind == NUMBER_TOTAL)
			return l->numbers[i].move;
	}
	return MOVE_NOT_JUDGED;
}

static void decide(const struct judging *j, struct gate_load *l)
{
	bool fell = total_move(l) == MOVE_DOWN;

	if (l->method == GATE_EXACT && !judge_same_work(j)) {
		l->verdict = GATE_REGRESSION;
		snprintf(l->why, sizeof(l->why), "other work with the same settings: %.15g -> %.15g",
			 l->old_work, l->new_work);
	} else if (moved(l, false, MOVE_UP)) {
		l->verdict = GATE_REGRESSION;
	} else if (!fell && moved(l, true, MOVE_UP)) {
		l->verdict = GATE_REGRESSION;
		if (total_move(l) == MOVE_NONE)
			snprintf(l->why, sizeof(l->why), "as many exits, but for other reasons");
	} else if (moved(l, false, MOVE_UNDECIDED) ||
		   (!fell && moved(l, true, MOVE_UNDECIDED))) {
		l->verdict = GATE_UNDECIDED;
		if (l->method == GATE_STATISTICAL &&
		    (l->old_runs < WELCH_MIN_RUNS || l->new_runs < WELCH_MIN_RUNS))
			snprintf(l->why, sizeof(l->why), "%zu repeat%s against %zu in the baseline, at least %d on each side are needed",
				 l->new_runs, l->new_runs == 1 ? "" : "s", l->old_runs,
				 WELCH_MIN_RUNS);
	} else if (moved(l, false, MOVE_DOWN) || moved(l, true, MOVE_DOWN)) {
		l->verdict = GATE_IMPROVEMENT;
	} else {
		l->verdict = GATE_PASS;
	}
}

int judge_load(const struct judging *j, struct gate_load *l)
{
	int rc = list_numbers(j, l);

	if (!rc)
		rc = judge_numbers(j, l);
	if (!rc)
		decide(j, l);
	return rc;
}
