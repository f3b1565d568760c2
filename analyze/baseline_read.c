// SPDX-License-Identifier: GPL-2.0
/*
 * Reads a baseline file. People edit these, merge them and send them around, so anything may stand
 * there. The hard thing is that a gate must not pass because its baseline was half understood: what
 * is not known is refused, by line and field, and nothing is filled in.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/baseline.h"
#include "analyze/facts.h"
#include "analyze/numbers.h"
#include "run/yaml.h"

struct reading {
	const char *path;
	FILE *err;
	json_t *modules;
};

static int tell(const struct reading *r, int line, const char *field, const char *what)
{
	fprintf(r->err, "%s:%d: %s: %s\n", r->path, line, sc_quote(field).s, what);
	return -EINVAL;
}

/* The mapping or text of a key; told if it is missing or something else. */
static const struct yt_node *need(const struct reading *r, const struct yt_node *map, int line,
				  const char *key, enum yt_kind kind)
{
	const struct yt_node *v = yt_get(map, key);

	if (v && v->kind == kind)
		return v;
	tell(r, v ? v->line : line, key, !v ? "missing; write the file with exitlab baseline" :
	     kind == YT_MAP ? "not a mapping" : "not a text");
	return NULL;
}

static int known_keys(const struct reading *r, const struct yt_node *map, const char *const *known)
{
	size_t i, k;

	for (i = 0; i < map->n; i++) {
		for (k = 0; known[k] && strcmp(known[k], map->entries[i].key); k++)
			;
		if (!known[k])
			return tell(r, map->entries[i].line, map->entries[i].key,
				    "not a field of a baseline; see exitlab-baseline(5)");
	}
	return 0;
}

/* @null: a null takes a fact away. */
static int set_fact(const struct reading *r, json_t *facts, const char *prefix,
		    const struct yt_entry *e, bool null)
{
	char key[FACT_KEY_MAX];

	if (snprintf(key, sizeof(key), "%s%s%s", prefix, *prefix ? "." : "", e->key) >=
	    (int)sizeof(key))
		return tell(r, e->line, e->key, "a key longer than 199 bytes");
	if (e->value->kind != YT_SCALAR)
		return tell(r, e->value->line, e->key, "neither a text nor a mapping of texts");
	if (null && yt_is_null(e->value)) {
		json_object_del(facts, key);
		return 0;
	}
	if (strlen(e->value->text) >= FACT_TEXT_MAX)
		return tell(r, e->value->line, e->key, "a text longer than 2047 bytes");
	return json_object_set_new(facts, key, json_string(e->value->text)) ? -ENOMEM : 0;
}

static int read_facts(const struct reading *r, const struct yt_node *map, json_t *facts)
{
	size_t i, j;
	int rc;

	if (!map)
		return 0;
	if (map->kind != YT_MAP)
		return tell(r, map->line, "facts", "not a mapping");
	for (i = 0; i < map->n; i++) {
		const struct yt_entry *e = &map->entries[i];

		if (!*e->key || strchr(e->key, '.'))
			return tell(r, e->line, e->key, "a dot in a key, or an empty one");
		/* A mapping at one point must not be a text at the next. */
		if (e->value->kind != YT_MAP && baseline_is_module(e->key))
			return tell(r, e->line, e->key, "not a mapping of parameters");
		if (e->value->kind != YT_MAP) {
			rc = set_fact(r, facts, "", e, false);
			if (rc)
				return rc;
			continue;
		}
		for (j = 0; j < e->value->n; j++) {
			rc = set_fact(r, facts, e->key, &e->value->entries[j], true);
			if (rc)
				return rc;
		}
	}
	return 0;
}

/* A count as an integer, an amount of work as a number above 0; NULL (told) if it is neither. */
static json_t *read_value(const struct reading *r, const struct yt_node *v, const char *field,
			  bool work)
{
	const char *t = v->text;
	char *end = NULL;
	double d;
	long long n;

	if (v->kind != YT_SCALAR || !v->plain || *t < '0' || *t > '9') {
		tell(r, v->line, field, work ? "not a number above 0" : "not a whole number from 0");
		return NULL;
	}
	errno = 0;
	if (work) {
		/* strtod() reads hexadecimal too, which nobody means. */
		d = strspn(t, "0123456789.eE+-") == strlen(t) ? strtod(t, &end) : 0;
		if (end && !*end && !errno && d >= BASELINE_WORK_MIN && d <= BASELINE_WORK_MAX)
			return json_real(d);
		tell(r, v->line, field, "not a number above 0 and up to 1e18");
		return NULL;
	}
	n = strtoll(t, &end, 10);
	if (errno || *end) {
		tell(r, v->line, field, errno ? "larger than 2^63 - 1" : "not a whole number from 0");
		return NULL;
	}
	if (t[0] == '0' && t[1]) {
		tell(r, v->line, field, "a number with a leading 0; write it without");
		return NULL;
	}
	return json_integer(n);
}

/* A value, or a list of @n of them (any number from 1 if 0). */
static json_t *read_values(const struct reading *r, const struct yt_node *v, const char *field,
			   bool work, size_t n)
{
	size_t i, got = v->kind == YT_LIST ? v->n : 1;
	json_t *list, *item;
	char what[128];

	if (v->kind == YT_MAP) {
		tell(r, v->line, field, "a mapping; a number, or a list of numbers, is needed");
		return NULL;
	}
	if (!got || (n && got != n)) {
		snprintf(what, sizeof(what), "%zu values, but the workload's work has %zu; one for each repeat is needed",
			 got, n);
		tell(r, v->line, field, got ? what : "an empty list; one value for each repeat is needed");
		return NULL;
	}
	list = json_array();
	for (i = 0; i < got; i++) {
		item = read_value(r, v->kind == YT_LIST ? v->entries[i].value : v, field, work);
		if (!item || json_array_append_new(list, item)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int read_number(const struct reading *r, const struct yt_entry *e, size_t runs,
		       json_t *numbers)
{
	char key[NUMBER_KEY_MAX];
	const char *text = e->value->text;
	json_t *v;

	switch (number_kind(e->key)) {
	case NUMBER_UNKNOWN:
		return tell(r, e->line, e->key,
			    "no such number; see exitlab-baseline(5) for those there are");
	case NUMBER_REASON:
		if (number_canonical(e->key, key, sizeof(key)))
			return -EINVAL;
		break;
	default:
		snprintf(key, sizeof(key), "%s", e->key);
	}
	if (json_object_get(numbers, key))
		return tell(r, e->line, e->key, "given twice, by its name and by its number");
	if (e->value->kind == YT_SCALAR && !e->value->plain && !strncmp(text, "n/a: ", 5) &&
	    number_kind(key) == NUMBER_SIGNAL && strlen(text) < 512)
		v = json_string(text + 5);
	else
		v = read_values(r, e->value, e->key, false, runs);
	if (!v)
		return -EINVAL;
	return json_object_set_new(numbers, key, v) ? -ENOMEM : 0;
}

/* Does each run's total agree with its reasons? A slip in merging two files shows here. */
static int check_sums(const struct reading *r, int line, const json_t *numbers, size_t runs)
{
	const char *key;
	json_t *v;
	size_t i;

	for (i = 0; i < runs; i++) {
		int64_t total = json_integer_value(json_array_get(json_object_get(numbers, "exits"),
								  i));
		int64_t sum = 0, one;
		char what[128];

		json_object_foreach((json_t *)numbers, key, v) {
			if (number_kind(key) != NUMBER_REASON)
				continue;
			one = json_integer_value(json_array_get(v, i));
			if (__builtin_add_overflow(sum, one, &sum))
				return tell(r, line, "numbers", "add up to more than 2^63 - 1");
		}
		snprintf(what, sizeof(what), "exits is %" PRId64 ", but its reasons add up to %" PRId64
			 "; write the file anew", total, sum);
		if (sum != total)
			return tell(r, line, "numbers", what);
	}
	return 0;
}

static int read_numbers(const struct reading *r, const struct yt_node *map, size_t runs,
			json_t *numbers)
{
	size_t i;
	int rc;

	for (i = 0; i < map->n; i++) {
		rc = read_number(r, &map->entries[i], runs, numbers);
		if (rc)
			return rc;
	}
	if (!json_object_get(numbers, "exits"))
		return tell(r, map->line, "exits", "missing; write the file with exitlab baseline");
	return check_sums(r, map->line, numbers, runs);
}

static int read_workload(const struct reading *r, const struct yt_entry *e, json_t *loads)
{
	static const char *const known[] = { "settings", "unit", "work", "numbers", NULL };
	const struct yt_node *unit, *numbers, *work;
	json_t *load, *list;
	int rc;

	if (e->value->kind != YT_MAP)
		return tell(r, e->value->line, e->key, "not a mapping");
	if (known_keys(r, e->value, known))
		return -EINVAL;
	unit = need(r, e->value, e->line, "unit", YT_SCALAR);
	numbers = unit ? need(r, e->value, e->line, "numbers", YT_MAP) : NULL;
	if (!numbers)
		return -EINVAL;
	work = yt_get(e->value, "work");
	if (!work)
		return tell(r, e->line, "work", "missing; write the file with exitlab baseline");
	if (strlen(unit->text) >= FACT_KEY_MAX || strlen(e->key) >= FACT_KEY_MAX)
		return tell(r, e->line, e->key, "a name or unit longer than 199 bytes");
	list = read_values(r, work, "work", true, 0);
	if (!list)
		return -EINVAL;
	load = json_pack("{s:{}, s:s, s:o, s:{}}", "settings", "unit", unit->text, "work", list,
			 "numbers");
	if (!load || json_object_set_new(loads, e->key, load))
		return -ENOMEM;
	rc = read_facts(r, yt_get(e->value, "settings"), json_object_get(load, "settings"));
	return rc ? rc : read_numbers(r, numbers, json_array_size(list),
				      json_object_get(load, "numbers"));
}

static int read_point(const struct reading *r, const struct yt_entry *e, json_t *points)
{
	static const char *const known[] = { "machine", "settings", "workloads", NULL };
	const struct yt_node *loads;
	json_t *point;
	size_t i;
	int rc;

	if (e->value->kind != YT_MAP)
		return tell(r, e->value->line, e->key, "not a mapping");
	if (!*e->key || strlen(e->key) >= FACT_KEY_MAX)
		return tell(r, e->line, "points", "a name that is empty or longer than 199 bytes");
	if (known_keys(r, e->value, known))
		return -EINVAL;
	loads = need(r, e->value, e->line, "workloads", YT_MAP);
	if (!loads)
		return -EINVAL;
	if (!loads->n)
		return tell(r, loads->line, "workloads", "empty; nothing to compare");
	point = json_pack("{s:o, s:o, s:{}, s:{}}", "from", json_string_nocheck(r->path),
			  "machine", json_copy(r->modules), "settings", "workloads");
	if (!point || json_object_set_new(points, e->key, point))
		return -ENOMEM;
	rc = read_facts(r, yt_get(e->value, "machine"), json_object_get(point, "machine"));
	if (!rc)
		rc = read_facts(r, yt_get(e->value, "settings"), json_object_get(point, "settings"));
	for (i = 0; i < loads->n && !rc; i++)
		rc = read_workload(r, &loads->entries[i], json_object_get(point, "workloads"));
	return rc;
}

static int check_schema(const struct reading *r, const struct yt_node *root)
{
	const struct yt_node *schema = yt_get(root, "schema");
	const char *text = schema && schema->kind == YT_SCALAR ? schema->text : "";

	if (!strcmp(text, BASELINE_SCHEMA))
		return 0;
	if (!strncmp(text, "exitlab-baseline/", 17))
		return tell(r, schema->line, "schema",
			    "unknown version; this program reads " BASELINE_SCHEMA ", so use a newer one");
	return tell(r, schema ? schema->line : 1, "schema", "not " BASELINE_SCHEMA
		    "; this is no baseline, write one with exitlab baseline");
}

static int read_modules(const struct reading *r, const struct yt_node *map)
{
	size_t i;

	for (i = 0; map && map->kind == YT_MAP && i < map->n; i++) {
		if (!baseline_is_module(map->entries[i].key))
			return tell(r, map->entries[i].line, map->entries[i].key,
				    "not one of kvm, kvm_amd and kvm_intel");
	}
	return read_facts(r, map, r->modules);
}

/* Where a tree ends, more or less. */
static int last_line(const struct yt_node *node)
{
	while (node->kind != YT_SCALAR && node->n)
		node = node->entries[node->n - 1].value;
	return node->line;
}

static int read_root(struct reading *r, const struct yt_node *root, json_t *baseline)
{
	static const char *const known[] = {
		"schema", "scenario", "common", "modules", "points", "complete", NULL
	};
	const struct yt_node *scenario, *points, *common, *complete;
	size_t i;
	int rc = check_schema(r, root);

	if (rc || known_keys(r, root, known))
		return -EINVAL;
	scenario = need(r, root, 1, "scenario", YT_SCALAR);
	common = scenario ? need(r, root, 1, "common", YT_MAP) : NULL;
	points = common ? need(r, root, 1, "points", YT_MAP) : NULL;
	if (!points)
		return -EINVAL;
	complete = yt_get(root, "complete");
	if (!complete || complete->kind != YT_SCALAR || strcmp(complete->text, "true"))
		return tell(r, complete ? complete->line : last_line(root), "complete",
			    "not \"true\" as the last line; the file was cut, write it anew");
	if (!points->n)
		return tell(r, points->line, "points", "empty; nothing to compare");
	if (strlen(scenario->text) >= FACT_KEY_MAX)
		return tell(r, scenario->line, "scenario", "a name longer than 199 bytes");
	if (json_object_set_new(baseline, "scenario", json_string(scenario->text)))
		return -ENOMEM;
	rc = read_facts(r, common, json_object_get(baseline, "common"));
	if (!rc && !json_object_get(json_object_get(baseline, "common"), "backend"))
		rc = tell(r, common->line, "backend", "missing; write the file with exitlab baseline");
	if (!rc && !json_object_get(json_object_get(baseline, "common"), "mode"))
		rc = tell(r, common->line, "mode", "missing; write the file with exitlab baseline");
	if (!rc)
		rc = read_modules(r, yt_get(root, "modules"));
	for (i = 0; i < points->n && !rc; i++)
		rc = read_point(r, &points->entries[i], json_object_get(baseline, "points"));
	return rc;
}

/* The first problem only: what follows a broken line is mostly its echo. */
static int tell_problems(const struct reading *r, struct sc_problems *pb)
{
	size_t i, first = 0;

	if (pb->nomem)
		return -ENOMEM;
	for (i = 1; i < pb->n; i++) {
		if (pb->list[i].line < pb->list[first].line)
			first = i;
	}
	if (!pb->n)
		return 0;
	fprintf(r->err, "%s:%d: %s\n", r->path, pb->list[first].line, pb->list[first].text);
	return -EINVAL;
}

int baseline_read(const char *path, const char *text, size_t len, FILE *err, json_t **out)
{
	struct reading r = { .path = path, .err = err, .modules = json_object() };
	struct sc_problems pb = { 0 };
	struct yt_node *root = NULL;
	json_t *baseline;
	int rc = 0;

	baseline = json_pack("{s:o, s:s, s:{}, s:{}}", "from", json_string_nocheck(path), "scenario", "", "common",
			     "points");
	if (!r.modules || !baseline)
		rc = -ENOMEM;
	else if (!len)
		rc = tell(&r, 1, "schema", "the file is empty; write one with exitlab baseline");
	else if (len > BASELINE_MAX_BYTES)
		rc = tell(&r, 1, "schema", "larger than 1 MiB; this is no baseline");
	if (!rc) {
		root = yt_read(text, len, &pb);
		rc = tell_problems(&r, &pb);
	}
	if (!rc)
		rc = root && root->kind == YT_MAP ? read_root(&r, root, baseline) :
		     tell(&r, 1, "schema", "missing; this is no baseline");
	sc_problems_free(&pb);
	yt_free(root);
	json_decref(r.modules);
	if (rc)
		json_decref(baseline);
	else
		*out = baseline;
	return rc;
}

int baseline_load(const char *path, FILE *err, json_t **out)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(BASELINE_MAX_BYTES + 1) : NULL;
	size_t n;
	int rc;

	if (!f) {
		fprintf(err, "%s: %s; write it with exitlab baseline\n", path, strerror(errno));
		return -EINVAL;
	}
	if (!text) {
		fclose(f);
		return -ENOMEM;
	}
	n = fread(text, 1, BASELINE_MAX_BYTES + 1, f);
	if (ferror(f)) {
		fprintf(err, "%s: %s\n", path, strerror(errno));
		rc = -EINVAL;
	} else {
		rc = baseline_read(path, text, n, err, out);
	}
	fclose(f);
	free(text);
	return rc;
}
