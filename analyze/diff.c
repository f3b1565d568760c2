// SPDX-License-Identifier: GPL-2.0
/*
 * Compares records value by value. Numbers are compared exactly: in the mode that counts
 * instructions, two runs on any two machines must agree in every digit, and what may differ (wall
 * time) is kept apart in objects named "volatile".
 */
#include "analyze/diff.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	FILE *out;
	const char *indent;
	size_t max, found;
	char path[512];
};

/* Grows the path; returns its old length, to cut it back to. */
static size_t enter(struct walk *w, const char *key, size_t index)
{
	size_t len = strlen(w->path);

	if (key)
		snprintf(w->path + len, sizeof(w->path) - len, "%s%s", len ? "." : "", key);
	else
		snprintf(w->path + len, sizeof(w->path) - len, "[%zu]", index);
	return len;
}

static void value_text(const json_t *j, char *buf, size_t n)
{
	char *text = j ? json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (!j)
		snprintf(buf, n, "(nothing)");
	else if (!text)
		snprintf(buf, n, "(a value)");
	else if (strlen(text) < n)
		strcpy(buf, text);
	else
		snprintf(buf, n, "%.*s...", (int)n - 4, text);
	free(text);
}

static void differ(struct walk *w, const json_t *a, const json_t *b)
{
	char u[64], v[64];

	if (w->found++ >= w->max)
		return;
	value_text(a, u, sizeof(u));
	value_text(b, v, sizeof(v));
	fprintf(w->out, "%s%s: %s against %s\n", w->indent, *w->path ? w->path : "(all)", u, v);
}

static bool is_volatile(const char *key)
{
	static const char end[] = "_volatile";
	size_t len = strlen(key), n = sizeof(end) - 1;

	return !strcmp(key, end + 1) || (len >= n && !strcmp(key + len - n, end));
}

static void compare(struct walk *w, const json_t *a, const json_t *b);

static void compare_objects(struct walk *w, const json_t *a, const json_t *b)
{
	const char *key;
	size_t len;
	json_t *v;

	json_object_foreach((json_t *)a, key, v) {
		if (is_volatile(key))
			continue;
		len = enter(w, key, 0);
		compare(w, v, json_object_get(b, key));
		w->path[len] = '\0';
	}
	json_object_foreach((json_t *)b, key, v) {
		if (is_volatile(key) || json_object_get(a, key))
			continue;
		len = enter(w, key, 0);
		differ(w, NULL, v);
		w->path[len] = '\0';
	}
}

static void compare_arrays(struct walk *w, const json_t *a, const json_t *b)
{
	size_t n = json_array_size(a), m = json_array_size(b), i, len;

	for (i = 0; i < n || i < m; i++) {
		len = enter(w, NULL, i);
		compare(w, json_array_get(a, i), json_array_get(b, i));
		w->path[len] = '\0';
	}
}

static void compare(struct walk *w, const json_t *a, const json_t *b)
{
	if (json_is_object(a) && json_is_object(b))
		compare_objects(w, a, b);
	else if (json_is_array(a) && json_is_array(b))
		compare_arrays(w, a, b);
	else if (!a || !b || !json_equal(a, b))
		differ(w, a, b);
}

size_t diff_json(FILE *out, const char *indent, const json_t *a, const json_t *b, size_t max)
{
	struct walk w = { .out = out, .indent = indent, .max = max };

	compare(&w, a, b);
	if (w.found > max)
		fprintf(out, "%sand %zu more\n", indent, w.found - max);
	return w.found;
}

static const struct record *find(const struct records *rs, const struct record *like)
{
	size_t i;

	for (i = 0; i < rs->n; i++) {
		if (!strcmp(rs->list[i].scenario, like->scenario) &&
		    !strcmp(rs->list[i].id, like->id))
			return &rs->list[i];
	}
	return NULL;
}

/* Differing paths of one point that are still of use to a reader. */
#define MAX_PATHS 10

size_t diff_records(FILE *out, const struct records *a, const struct records *b)
{
	size_t all = a->n, same = 0, i;

	for (i = 0; i < a->n; i++) {
		const struct record *r = &a->list[i], *other = find(b, r);
		char *text = NULL;
		size_t len, n;
		FILE *mem;

		if (!other) {
			fprintf(out, "%s/%s: only in the first\n", r->scenario, r->id);
			continue;
		}
		/* The paths come after the line that says how many there are. */
		mem = open_memstream(&text, &len);
		if (!mem)
			continue;
		n = diff_json(mem, "  ", r->root, other->root, MAX_PATHS);
		fclose(mem);
		if (n)
			fprintf(out, "%s/%s: %zu value%s differ%s\n%s", r->scenario, r->id, n,
				n == 1 ? "" : "s", n == 1 ? "s" : "", text);
		else
			same++;
		free(text);
	}
	for (i = 0; i < b->n; i++) {
		if (find(a, &b->list[i]))
			continue;
		fprintf(out, "%s/%s: only in the second\n", b->list[i].scenario, b->list[i].id);
		all++;
	}
	fprintf(out, "%zu of %zu points identical\n", same, all);
	return all - same;
}
