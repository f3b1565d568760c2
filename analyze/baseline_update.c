// SPDX-License-Identifier: GPL-2.0
/*
 * Putting new points into a baseline. What stays was measured earlier, so it must have been
 * measured alike; what is replaced need not. All is checked before anything changes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/baseline.h"
#include "analyze/facts.h"
#include "analyze/numbers.h"
#include "run/scenario_msg.h"

static json_t *workloads_of(const json_t *baseline, const char *point)
{
	json_t *p = json_object_get(json_object_get(baseline, "points"), point);

	return json_object_get(p, "workloads");
}

/* The name of a workload of @old that @new has not, or NULL. */
static const char *stays(const json_t *old, const json_t *new)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)old, name, v) {
		if (!json_object_get(new, name))
			return name;
	}
	return NULL;
}

static int refuse(FILE *err, const json_t *base, const json_t *update, const char *field,
		  const char *key, const char *was, const char *is, const char *what)
{
	fprintf(err, "%s: %s%s: %s, but %s in %s, and %s stays; measure that anew too, or begin with -o\n",
		json_string_value(json_object_get(update, "from")), field, sc_quote(key).s,
		sc_quote(is).s, sc_quote(was).s, json_string_value(json_object_get(base, "from")),
		sc_quote(what).s);
	return -EINVAL;
}

static int check_facts(FILE *err, const json_t *base, const json_t *update, const char *field,
		       const json_t *old, const json_t *new, const char *what)
{
	const char *key = facts_first_difference(new, old);

	if (!key)
		return 0;
	return refuse(err, base, update, field, key, facts_text(old, key), facts_text(new, key),
		      what);
}

/* May the two be in one file? */
static int check(const json_t *base, const json_t *update, FILE *err)
{
	const char *was = json_string_value(json_object_get(base, "scenario"));
	const char *is = json_string_value(json_object_get(update, "scenario")), *id, *kept = NULL;
	json_t *point, *new;
	int rc;

	if (strcmp(was, is)) {
		fprintf(err, "%s: scenario.name: %s, but %s in %s; a baseline is of one scenario\n",
			json_string_value(json_object_get(update, "from")), sc_quote(is).s,
			sc_quote(was).s, json_string_value(json_object_get(base, "from")));
		return -EINVAL;
	}
	json_object_foreach(json_object_get(base, "points"), id, point) {
		const char *load = stays(json_object_get(point, "workloads"),
					 workloads_of(update, id));

		new = json_object_get(json_object_get(update, "points"), id);
		if (load)
			kept = id;
		if (!load || !new)
			continue;
		rc = check_facts(err, base, update, "machine.", json_object_get(point, "machine"),
				 json_object_get(new, "machine"), load);
		if (!rc)
			rc = check_facts(err, base, update, "point.",
					 json_object_get(point, "settings"),
					 json_object_get(new, "settings"), load);
		if (rc)
			return rc;
	}
	return kept ? check_facts(err, base, update, "", json_object_get(base, "common"),
				  json_object_get(update, "common"), kept) : 0;
}

static void tell_number(FILE *out, const char *where, const char *key, const json_t *old,
			const json_t *new)
{
	json_t *u = json_object_get(json_object_get(old, "numbers"), key);
	json_t *v = json_object_get(json_object_get(new, "numbers"), key);
	char label[NUMBER_KEY_MAX], a[32] = "none", b[32] = "none";
	bool reason = number_kind(key) == NUMBER_REASON;

	if (json_is_array(u) || (!u && reason))
		rate_text(baseline_sum(old, key) / baseline_sum(old, NULL), a, sizeof(a));
	if (json_is_array(v) || (!v && reason))
		rate_text(baseline_sum(new, key) / baseline_sum(new, NULL), b, sizeof(b));
	fprintf(out, "%s: %s: %s -> %s per %s", where, number_label(key, label, sizeof(label)), a, b,
		sc_quote(json_string_value(json_object_get(new, "unit"))).s);
	/* A step that the rounded rate does not show. */
	if (!strcmp(a, b))
		fprintf(out, " (%.0f -> %.0f in all)", baseline_sum(old, key),
			baseline_sum(new, key));
	fputc('\n', out);
}

static int tell_changes(FILE *out, const char *id, const char *name, const json_t *old,
			const json_t *new)
{
	json_t *all = json_copy(json_object_get(old, "numbers"));
	bool same_work = json_equal(json_object_get(old, "work"), json_object_get(new, "work"));
	const char **keys;
	char where[160];
	size_t n, i;

	if (!all || json_object_update_missing(all, json_object_get(new, "numbers"))) {
		json_decref(all);
		return -ENOMEM;
	}
	keys = sorted_keys(all, &n);
	snprintf(where, sizeof(where), "%s/%s", sc_quote(id).s, sc_quote(name).s);
	if (!same_work)
		fprintf(out, "%s: work: %.15g -> %.15g %s\n", where, baseline_sum(old, NULL),
			baseline_sum(new, NULL),
			sc_quote(json_string_value(json_object_get(new, "unit"))).s);
	for (i = 0; keys && i < n; i++) {
		json_t *u = json_object_get(json_object_get(old, "numbers"), keys[i]);
		json_t *v = json_object_get(json_object_get(new, "numbers"), keys[i]);

		if (!same_work || !u || !v || !json_equal(u, v))
			tell_number(out, where, keys[i], old, new);
	}
	json_decref(all);
	free(keys);
	return keys ? 0 : -ENOMEM;
}

static int replace_point(json_t *base, const char *id, json_t *new, FILE *changes)
{
	json_t *point = json_object_get(json_object_get(base, "points"), id), *load;
	json_t *loads = json_object_get(point, "workloads");
	const char *name;
	int rc;

	json_object_foreach(json_object_get(new, "workloads"), name, load) {
		json_t *old = json_object_get(loads, name);

		if (!old) {
			fprintf(changes, "%s/%s: new\n", sc_quote(id).s, sc_quote(name).s);
			continue;
		}
		rc = tell_changes(changes, id, name, old, load);
		if (rc)
			return rc;
	}
	if (!point)
		return json_object_set(json_object_get(base, "points"), id, new) ? -ENOMEM : 0;
	if (json_object_update(loads, json_object_get(new, "workloads")) ||
	    json_object_set(point, "machine", json_object_get(new, "machine")) ||
	    json_object_set(point, "settings", json_object_get(new, "settings")))
		return -ENOMEM;
	return 0;
}

int baseline_update(json_t *base, const json_t *update, FILE *changes, FILE *err)
{
	const char *id;
	json_t *point;
	int rc = check(base, update, err);

	json_object_foreach(json_object_get(update, "points"), id, point) {
		if (!rc)
			rc = replace_point(base, id, point, changes);
	}
	/* Equal already unless nothing stays. */
	if (!rc && json_object_set(base, "common", json_object_get(update, "common")))
		rc = -ENOMEM;
	return rc;
}
