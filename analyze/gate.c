// SPDX-License-Identifier: GPL-2.0
/*
 * Compares a baseline with records. The hard thing is what may be concluded from what: counts of
 * the same machine in instruction-counted time are equal or they are not; of a machine that was
 * built anew they move a little although nothing behaves differently; of real hardware they are
 * samples. So each workload is compared by a method that follows from its records, and the method
 * is part of the answer. The rules for one number are in gate_judge.c.
 */
#include "analyze/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/baseline.h"
#include "analyze/facts.h"
#include "analyze/gate_judge.h"
#include "run/scenario_msg.h"

const char *gate_verdict_name(enum gate_verdict v)
{
	static const char *const names[] = {
		"pass", "improvement", "undecided", "unusable", "regression"
	};

	return names[v];
}

const char *gate_move_name(enum gate_move m)
{
	static const char *const names[] = { "same", "up", "down", "undecided", "not judged" };

	return names[m];
}

const char *gate_method_text(const struct gate_load *l, char *buf, size_t n)
{
	if (l->method == GATE_EXACT)
		snprintf(buf, n, "same testbed, counts must be equal");
	else if (l->method == GATE_EFFECT)
		snprintf(buf, n, "rebuilt or set otherwise, differences from %g %% count",
			 l->min_effect);
	else
		snprintf(buf, n, "Welch's interval at %.4g %% each, differences from %g %% count",
			 l->confidence, l->min_effect);
	return buf;
}

static const char *fact(const json_t *baseline, const char *key)
{
	return facts_text(json_object_get(baseline, "common"), key);
}

static bool is_deterministic(const json_t *baseline)
{
	return !strcmp(fact(baseline, "backend"), "emulated") &&
	       (!strcmp(fact(baseline, "mode"), "counts") ||
		!strcmp(fact(baseline, "mode"), "timed"));
}

static bool same_testbed(const json_t *base, const json_t *now)
{
	const json_t *common = json_object_get(base, "common");

	return json_object_get(common, "testbed") &&
	       !strcmp(fact(base, "testbed"), fact(now, "testbed"));
}

/* Is every list of the workload so many times the same value? */
static bool repeats_identical(const json_t *load)
{
	const json_t *work = json_object_get(load, "work");
	const char *key;
	json_t *list;
	size_t i;

	for (i = 1; i < json_array_size(work); i++) {
		if (!json_equal(json_array_get(work, i), json_array_get(work, 0)))
			return false;
		json_object_foreach(json_object_get(load, "numbers"), key, list) {
			if (json_is_array(list) && !json_equal(json_array_get(list, i),
							       json_array_get(list, 0)))
				return false;
		}
	}
	return true;
}

/* What is compared: the two workloads, and how. */
static void choose_method(const struct judging *j, struct gate_load *l)
{
	bool one_each = repeats_identical(j->old) && repeats_identical(j->new);
	bool same_lengths = l->old_runs == l->new_runs;
	/* Another amount of work was asked for: then only rates can be compared. */
	bool other_work = !judge_same_work(j) &&
			  !json_equal(json_object_get(j->old, "settings"),
				      json_object_get(j->new, "settings"));

	l->confidence = 0;
	l->min_effect = j->options->min_effect;
	/* Repeats that differ are samples of chance, unless each has its counterpart. */
	if (!j->deterministic || (!one_each && !(same_lengths && j->same_testbed))) {
		l->method = GATE_STATISTICAL;
		if (l->min_effect < 0)
			l->min_effect = GATE_EFFECT_REPEATED;
	} else if (!other_work && (j->options->exact ||
				   (j->same_testbed && l->min_effect < 0))) {
		l->method = GATE_EXACT;
		l->min_effect = 0;
	} else {
		l->method = GATE_EFFECT;
		if (l->min_effect < 0)
			l->min_effect = j->options->exact ? 0 : GATE_EFFECT_REBUILT;
	}
}

static int compare_load(struct gate *g, struct judging *j, const char *point, const char *name)
{
	struct gate_load *loads = realloc(g->loads, (g->n + 1) * sizeof(*loads)), *l;
	const char *unit = json_string_value(json_object_get(j->old, "unit"));
	const char *other = json_string_value(json_object_get(j->new, "unit"));

	if (!loads)
		return -ENOMEM;
	g->loads = loads;
	l = &loads[g->n++];
	*l = (struct gate_load){ .point = strdup(point), .name = strdup(name),
				 .unit = strdup(unit) };
	if (!l->point || !l->name || !l->unit)
		return -ENOMEM;
	l->old_runs = json_array_size(json_object_get(j->old, "work"));
	l->new_runs = json_array_size(json_object_get(j->new, "work"));
	l->old_work = baseline_sum(j->old, NULL);
	l->new_work = baseline_sum(j->new, NULL);
	choose_method(j, l);
	if (!strcmp(unit, other))
		return judge_load(j, l);
	l->verdict = GATE_UNUSABLE;
	snprintf(l->why, sizeof(l->why), "work is in %s now, and in %s in the baseline",
		 sc_quote(other).s, sc_quote(unit).s);
	return 0;
}

static int note(json_t *list, const char *point, const char *name)
{
	return json_array_append_new(list, json_sprintf("%s/%s", point, name)) ? -ENOMEM : 0;
}

static int compare_point(struct gate *g, struct judging *j, const char *id, const json_t *old,
			 const json_t *new)
{
	const json_t *theirs = json_object_get(new, "workloads");
	const char **names = sorted_keys(json_object_get(old, "workloads"), &(size_t){ 0 });
	char prefix[FACT_KEY_MAX + 16];
	size_t i;
	int rc = names ? 0 : -ENOMEM;

	if (!rc && new)
		rc = facts_differences(g->differences, id, "machine.",
				       json_object_get(old, "machine"),
				       json_object_get(new, "machine"));
	if (!rc && new)
		rc = facts_differences(g->differences, id, "point.",
				       json_object_get(old, "settings"),
				       json_object_get(new, "settings"));
	for (i = 0; !rc && names[i]; i++) {
		j->old = json_object_get(json_object_get(old, "workloads"), names[i]);
		j->new = json_object_get(theirs, names[i]);
		if (!j->new) {
			rc = note(g->missing, id, names[i]);
			continue;
		}
		snprintf(prefix, sizeof(prefix), "workload %s.", names[i]);
		rc = facts_differences(g->differences, id, prefix,
				       json_object_get(j->old, "settings"),
				       json_object_get(j->new, "settings"));
		if (!rc)
			rc = compare_load(g, j, id, names[i]);
	}
	free(names);
	return rc;
}

/* Workloads that only the records have. */
static int note_extra(struct gate *g, const json_t *base, const json_t *now)
{
	const char *id, *name;
	json_t *point, *load;

	json_object_foreach(json_object_get(now, "points"), id, point) {
		json_t *old = json_object_get(json_object_get(base, "points"), id);

		json_object_foreach(json_object_get(point, "workloads"), name, load) {
			if (!json_object_get(json_object_get(old, "workloads"), name) &&
			    note(g->extra, id, name))
				return -ENOMEM;
		}
	}
	return 0;
}

/* What must agree for anything to be compared. */
static int check_alike(const json_t *base, const json_t *now, const struct gate_options *o,
		       FILE *err)
{
	static const char *const fields[] = { "backend", "mode" };
	const char *was = json_string_value(json_object_get(base, "scenario"));
	const char *is = json_string_value(json_object_get(now, "scenario"));
	const char *from = json_string_value(json_object_get(now, "from"));
	size_t i;

	if (!o->any_scenario && strcmp(was, is)) {
		fprintf(err, "%s: scenario.name: %s, but the baseline is of %s; give its records, or --any-scenario\n",
			from, sc_quote(is).s, sc_quote(was).s);
		return -EINVAL;
	}
	for (i = 0; i < 2; i++) {
		if (!strcmp(fact(base, fields[i]), fact(now, fields[i])))
			continue;
		fprintf(err, "%s: %s: %s, but %s in the baseline; their counts are not of the same kind\n",
			from, fields[i], sc_quote(fact(now, fields[i])).s,
			sc_quote(fact(base, fields[i])).s);
		return -EINVAL;
	}
	if (o->only && !json_object_get(json_object_get(base, "points"), o->only)) {
		fprintf(err, "%s: points: none is named %s (--only)\n",
			json_string_value(json_object_get(base, "from")), sc_quote(o->only).s);
		return -EINVAL;
	}
	return 0;
}

static void sum_up(struct gate *g, const struct gate_options *o)
{
	size_t i;

	g->verdict = GATE_PASS;
	g->missing_allowed = o->partial;
	for (i = 0; i < g->n; i++) {
		if (g->loads[i].verdict > g->verdict)
			g->verdict = g->loads[i].verdict;
	}
	/* Nothing compared is nothing passed. */
	if (g->verdict < GATE_UNUSABLE &&
	    (!g->n || (json_array_size(g->missing) && !o->partial)))
		g->verdict = GATE_UNUSABLE;
}

int gate_compare(const json_t *base, const json_t *now, const struct gate_options *o, FILE *err,
		 struct gate *g)
{
	const json_t *points = json_object_get(base, "points");
	const json_t *theirs = json_object_get(now, "points");
	struct judging j = { .options = o, .deterministic = is_deterministic(base),
			     .same_testbed = same_testbed(base, now) };
	const char **ids = NULL;
	size_t i;
	int rc;

	*g = (struct gate){ .differences = json_array(), .missing = json_array(),
			    .extra = json_array(),
			    .scenario = strdup(json_string_value(json_object_get(now,
										 "scenario"))) };
	rc = check_alike(base, now, o, err);
	if (rc)
		return rc;
	ids = sorted_keys(points, &(size_t){ 0 });
	if (!g->differences || !g->missing || !g->extra || !g->scenario || !ids)
		rc = -ENOMEM;
	if (!rc)
		rc = facts_differences(g->differences, NULL, "", json_object_get(base, "common"),
				       json_object_get(now, "common"));
	for (i = 0; !rc && ids[i]; i++) {
		if (!o->only || !strcmp(o->only, ids[i]))
			rc = compare_point(g, &j, ids[i], json_object_get(points, ids[i]),
					   json_object_get(theirs, ids[i]));
	}
	if (!rc)
		rc = note_extra(g, base, now);
	free(ids);
	if (!rc)
		sum_up(g, o);
	return rc;
}

void gate_free(struct gate *g)
{
	size_t i;

	for (i = 0; i < g->n; i++) {
		free(g->loads[i].point);
		free(g->loads[i].name);
		free(g->loads[i].unit);
		free(g->loads[i].numbers);
	}
	free(g->loads);
	free(g->scenario);
	json_decref(g->differences);
	json_decref(g->missing);
	json_decref(g->extra);
	*g = (struct gate){ 0 };
}
