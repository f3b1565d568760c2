// SPDX-License-Identifier: GPL-2.0
/*
 * What two records differ in apart from their numbers: settings, machine, scenario. What decides
 * most comes first, since only the first lines are read. Left out is what is measured, what only
 * names, and what says the same twice (swept parameters are in the settings).
 */
#include "analyze/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	struct comparison *c;
	size_t col;
	char path[256];
	int rc;
};

/* Not settings: measured, or names for people. */
static bool is_left_out(const char *key)
{
	static const char *const keys[] = { "title", "file", "guest_boot_ns", "volatile" };
	static const char end[] = "_volatile";
	size_t i, len = strlen(key);

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!strcmp(key, keys[i]))
			return true;
	}
	return len >= sizeof(end) - 1 && !strcmp(key + len - (sizeof(end) - 1), end);
}

static char *value_text(const json_t *j)
{
	if (!j)
		return strdup("(nothing)");
	if (json_is_string(j))
		return strdup(json_string_value(j));
	return json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* Of a long text, the part from where it differs. */
static void cut(char *to, size_t n, const char *text, size_t same)
{
	size_t start = strlen(text) >= n && same > 8 ? same - 8 : 0;

	if (strlen(text) < n)
		snprintf(to, n, "%s", text);
	else if (start && strlen(text + start) + 3 < n)
		snprintf(to, n, "...%s", text + start);
	else
		snprintf(to, n, "%s%.*s...", start ? "..." : "", (int)(n - (start ? 7 : 4)),
			 text + start);
}

static void differ(struct walk *w, const json_t *from, const json_t *to)
{
	struct compare_field *list = realloc(w->c->fields, (w->c->nr_fields + 1) * sizeof(*list));
	char *a = value_text(from), *b = value_text(to);
	struct compare_field *f;
	size_t same = 0;

	if (list)
		w->c->fields = list;
	if (!list || !a || !b) {
		w->rc = -ENOMEM;
		goto out;
	}
	f = &list[w->c->nr_fields++];
	*f = (struct compare_field){ .col = w->col };
	while (a[same] && a[same] == b[same])
		same++;
	cut(f->path, sizeof(f->path), w->path, 0);
	cut(f->from, sizeof(f->from), a, same);
	cut(f->to, sizeof(f->to), b, same);
out:
	free(a);
	free(b);
}

static void walk(struct walk *w, const char *key, const json_t *a, const json_t *b);

static void walk_objects(struct walk *w, const json_t *a, const json_t *b)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)a, key, v) {
		if (!is_left_out(key))
			walk(w, key, v, json_object_get(b, key));
	}
	json_object_foreach((json_t *)b, key, v) {
		if (!is_left_out(key) && !json_object_get(a, key))
			walk(w, key, NULL, v);
	}
}

static void walk(struct walk *w, const char *key, const json_t *a, const json_t *b)
{
	size_t len = strlen(w->path);

	if (w->rc || (!a && !b) || (a && b && json_equal(a, b)))
		return;
	snprintf(w->path + len, sizeof(w->path) - len, "%s%s", len ? "." : "", key);
	/* An object that only one side has is one difference, not as many as it has members. */
	if (json_is_object(a) && json_is_object(b))
		walk_objects(w, a, b);
	else
		differ(w, a, b);
	w->path[len] = '\0';
}

/* A member of @obj; those walked here are no longer found by walk_rest(). */
static void walk_one(struct walk *w, const char *prefix, json_t *a, json_t *b, const char *key)
{
	snprintf(w->path, sizeof(w->path), "%s", prefix);
	walk(w, key, json_object_get(a, key), json_object_get(b, key));
	w->path[0] = '\0';
}

/* The settings of the compared workload alone: the others are not in this table. */
static json_t *workload_of(const struct record *r, const char *name)
{
	json_t *w;
	size_t i;

	json_array_foreach(json_object_get(r->point, "workloads"), i, w) {
		const char *s = json_string_value(json_object_get(w, "name"));

		if (s && !strcmp(s, name))
			return w;
	}
	return NULL;
}

/* The machine without what was compared before, and without what settings say already. */
static void walk_machine(struct walk *w, const struct record *a, const struct record *b)
{
	static const char *const first[] = { "kernel", "testbed", "kernel_version", "vmm",
					     "emulator", "cpus", "cmdline", "costs" };
	json_t *x = json_copy(json_object_get(a->root, "machine"));
	json_t *y = json_copy(json_object_get(b->root, "machine"));
	size_t i;

	for (i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		walk_one(w, "machine", x, y, first[i]);
		json_object_del(x, first[i]);
		json_object_del(y, first[i]);
	}
	walk(w, "machine", x, y);
	json_decref(x);
	json_decref(y);
}

static void walk_records(struct walk *w, const struct record *a, const struct record *b)
{
	static const char *const settings[] = { "mode", "configuration", "guests", "host", "link",
						"costs" };
	const char *workload = w->c->table.workload;
	json_t *sa = json_object_get(a->root, "scenario"), *sb = json_object_get(b->root, "scenario");
	size_t i;

	walk_one(w, "scenario", sa, sb, "name");
	walk_one(w, "", a->root, b->root, "backend");
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		walk_one(w, "", a->point, b->point, settings[i]);
	snprintf(w->path, sizeof(w->path), "workloads");
	walk(w, workload, workload_of(a, workload), workload_of(b, workload));
	w->path[0] = '\0';
	walk_one(w, "", a->point, b->point, "measure");
	walk_machine(w, a, b);
	walk_one(w, "", a->root, b->root, "time_base");
	walk_one(w, "scenario", sa, sb, "sha256");
}

static bool is_emulated(const struct record *r)
{
	const char *backend = json_string_value(json_object_get(r->root, "backend"));

	return backend && !strcmp(backend, "emulated");
}

static const char *mode_of(const struct record *r)
{
	const char *mode = json_string_value(json_object_get(r->point, "mode"));

	return mode ? mode : "";
}

const char *compare_time_kind(const struct record *r)
{
	const char *mode = mode_of(r);

	if (!is_emulated(r) || !*mode)
		return "of the record's own time base";
	if (!strcmp(mode, "timed"))
		return "modelled";
	return strcmp(mode, "counts") ? "neither repeatable nor real" : "instruction-counted";
}

static bool is_deterministic(const struct record *r)
{
	return is_emulated(r) && (!strcmp(mode_of(r), "counts") || !strcmp(mode_of(r), "timed"));
}

static const char *testbed_of(const struct record *r)
{
	json_t *machine = json_object_get(r->root, "machine");
	const char *key = json_string_value(json_object_get(machine, "testbed"));

	/* Without a key nothing says that two testbeds are the same. */
	return key ? key : r->path;
}

int compare_fill_fields(struct comparison *c)
{
	const struct record *ref = compare_record(c, c->reference);
	struct walk w = { .c = c };
	size_t i;

	for (i = 0; i < c->table.nr_cols; i++) {
		const struct record *r = c->table.cols[i].rec;

		if (!is_deterministic(r))
			c->exactness = COMPARE_INEXACT;
		else if (strcmp(testbed_of(r), testbed_of(ref)) && c->exactness == COMPARE_EXACT)
			c->exactness = COMPARE_OTHER_TESTBED;
	}
	c->same_time = true;
	for (i = 0; i < c->nr_cols; i++) {
		c->cols[i].same_time = !strcmp(compare_time_kind(compare_record(c, i)),
					       compare_time_kind(ref));
		c->same_time &= c->cols[i].same_time;
		w.col = i;
		if (i != c->reference)
			walk_records(&w, ref, compare_record(c, i));
	}
	return w.rc;
}
