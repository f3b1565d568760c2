// SPDX-License-Identifier: GPL-2.0
/*
 * Writes a baseline file. It is read by people, in diffs: so the order never depends on how it was
 * made, a number has a line, and what is long but rarely changes (parameters of modules) stands
 * there once, in lines of its own. Any text may come, and must be read back as it was.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/baseline.h"
#include "analyze/facts.h"
#include "analyze/numbers.h"

/* Texts that YAML takes as they are, whatever stands around them. */
static bool is_plain(const char *s)
{
	static const char *const words[] = { "null", "Null", "NULL", NULL };
	const char *const *w;

	if (!isalnum((unsigned char)*s))
		return false;
	for (w = words; *w; w++) {
		if (!strcmp(s, *w))
			return false;
	}
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr("_.+-/|", *s))
			return false;
	}
	return true;
}

/* The code point at @s, which is correct UTF-8, and its length. */
static uint32_t decode(const char *s, int *len)
{
	const unsigned char *u = (const unsigned char *)s;

	*len = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	switch (*len) {
	case 1:
		return u[0];
	case 2:
		return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
	case 3:
		return (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	default:
		return (u[0] & 7u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 |
		       (u[3] & 0x3fu);
	}
}

static void text(FILE *out, const char *s)
{
	uint32_t c;
	int len;

	if (is_plain(s)) {
		fputs(s, out);
		return;
	}
	fputc('"', out);
	for (; *s; s += len) {
		c = decode(s, &len);
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", (int)c);
		else if (c >= 0x20 && c < 0x7f)
			fputc((int)c, out);
		else if (c < 0x100)
			fprintf(out, "\\x%02x", c);
		else
			fprintf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
	}
	fputc('"', out);
}

/* "key: {a: b, c: d}" of the facts whose key begins with @key and a dot. */
static void group(FILE *out, int indent, const json_t *facts, const char **keys, size_t n,
		  size_t *i)
{
	size_t len = strcspn(keys[*i], "."), first = *i;

	fprintf(out, "%*s", indent, "");
	text(out, strndupa(keys[first], len));
	fputs(": {", out);
	for (; *i < n && !strncmp(keys[*i], keys[first], len + 1); ++*i) {
		fputs(*i > first ? ", " : " ", out);
		text(out, keys[*i] + len + 1);
		fputs(": ", out);
		/* Says that a parameter is not there, where the modules' list has one. */
		if (json_is_null(json_object_get(facts, keys[*i])))
			fputs("null", out);
		else
			text(out, facts_text(facts, keys[*i]));
	}
	fputs(" }\n", out);
}

static int write_facts(FILE *out, int indent, const char *title, const json_t *facts)
{
	const char **keys;
	size_t n, i = 0;

	if (!json_object_size(facts))
		return 0;
	keys = sorted_keys(facts, &n);
	if (!keys)
		return -ENOMEM;
	fprintf(out, "%*s%s:\n", indent, "", title);
	while (i < n) {
		if (strchr(keys[i], '.')) {
			group(out, indent + 2, facts, keys, n, &i);
			continue;
		}
		fprintf(out, "%*s", indent + 2, "");
		text(out, keys[i]);
		fputs(": ", out);
		text(out, facts_text(facts, keys[i++]));
		fputc('\n', out);
	}
	free(keys);
	return 0;
}

/* The shortest text that is read back as the same number. */
static void real(FILE *out, double v)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%.15g", v);
	if (strtod(buf, NULL) != v)
		snprintf(buf, sizeof(buf), "%.17g", v);
	fputs(buf, out);
}

static void values(FILE *out, const json_t *list)
{
	size_t n = json_array_size(list), i;

	for (i = 0; i < n; i++) {
		const json_t *v = json_array_get(list, i);

		fputs(n == 1 ? "" : i ? ", " : "[", out);
		if (json_is_integer(v))
			fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		else
			real(out, json_real_value(v));
	}
	if (n != 1)
		fputc(']', out);
}

/* A unit is a word of ours; what a record has instead must not end the comment. */
static void comment(FILE *out, const json_t *load, const char *key)
{
	const char *unit = json_string_value(json_object_get(load, "unit"));
	char buf[32];

	fprintf(out, "  # %s", rate_text(baseline_sum(load, key) / baseline_sum(load, NULL), buf,
					 sizeof(buf)));
	fprintf(out, " per %s\n", is_plain(unit) ? unit : "unit");
}

static void number(FILE *out, const json_t *load, const char *key)
{
	const json_t *v = json_object_get(json_object_get(load, "numbers"), key);
	char why[512];

	if (!v)
		return;
	fputs("          ", out);
	text(out, key);
	fputs(": ", out);
	if (json_is_array(v)) {
		values(out, v);
		comment(out, load, key);
		return;
	}
	/* Quoted, as it has a blank: no number even if it looks like one. */
	snprintf(why, sizeof(why), "n/a: %s", json_string_value(v));
	text(out, why);
	fputc('\n', out);
}

static int write_workload(FILE *out, const char *name, const json_t *load)
{
	const json_t *numbers = json_object_get(load, "numbers");
	const char **keys;
	size_t n, i;

	fputs("      ", out);
	text(out, name);
	fputs(":\n", out);
	if (write_facts(out, 8, "settings", json_object_get(load, "settings")))
		return -ENOMEM;
	fputs("        unit: ", out);
	text(out, json_string_value(json_object_get(load, "unit")));
	fputs("\n        work: ", out);
	values(out, json_object_get(load, "work"));
	fputs("\n        numbers:\n", out);
	keys = sorted_keys(numbers, &n);
	if (!keys)
		return -ENOMEM;
	/* "exits" is the first of its kind in the alphabet. */
	for (i = 0; i < n; i++) {
		if (number_kind(keys[i]) != NUMBER_SIGNAL)
			number(out, load, keys[i]);
	}
	for (i = 0; number_signals[i]; i++)
		number(out, load, number_signals[i]);
	free(keys);
	return 0;
}

/* Of a point's machine, what the list of the modules' parameters does not say. */
static json_t *own_machine(const json_t *machine, const json_t *shared)
{
	json_t *own = json_object(), *v;
	const char *key;
	int rc = 0;

	json_object_foreach((json_t *)machine, key, v) {
		if (!json_equal(v, json_object_get(shared, key)))
			rc |= json_object_set(own, key, v);
	}
	json_object_foreach((json_t *)shared, key, v) {
		if (!json_object_get(machine, key))
			rc |= json_object_set_new(own, key, json_null());
	}
	if (!rc)
		return own;
	json_decref(own);
	return NULL;
}

static int write_point(FILE *out, const char *id, const json_t *point, const json_t *shared)
{
	const json_t *loads = json_object_get(point, "workloads");
	json_t *machine = own_machine(json_object_get(point, "machine"), shared);
	const char **names = sorted_keys(loads, &(size_t){ 0 });
	size_t i;
	int rc = machine && names ? 0 : -ENOMEM;

	fputs("  ", out);
	text(out, id);
	fputs(":\n", out);
	if (!rc)
		rc = write_facts(out, 4, "machine", machine);
	if (!rc)
		rc = write_facts(out, 4, "settings", json_object_get(point, "settings"));
	fputs("    workloads:\n", out);
	for (i = 0; !rc && names[i]; i++)
		rc = write_workload(out, names[i], json_object_get(loads, names[i]));
	free(names);
	json_decref(machine);
	return rc;
}

/* The parameters of the modules at the first point. */
static json_t *shared_modules(const json_t *point)
{
	json_t *shared = json_object(), *v;
	const char *key;
	int rc = 0;

	json_object_foreach(json_object_get(point, "machine"), key, v) {
		if (baseline_is_module(key) && strchr(key, '.'))
			rc |= json_object_set(shared, key, v);
	}
	if (!rc)
		return shared;
	json_decref(shared);
	return NULL;
}

int baseline_write(FILE *out, const json_t *baseline)
{
	const json_t *points = json_object_get(baseline, "points");
	const char **ids;
	json_t *shared;
	size_t n, i;
	int rc;

	ids = sorted_keys(points, &n);
	shared = ids ? shared_modules(n ? json_object_get(points, ids[0]) : NULL) : NULL;
	rc = shared ? 0 : -ENOMEM;
	fputs("# Exit counts that `exitlab check` compares with, written by `exitlab baseline`; see\n"
	      "# exitlab-baseline(5). The rate after a number is for people and is not read.\n"
	      "schema: " BASELINE_SCHEMA "\nscenario: ", out);
	text(out, json_string_value(json_object_get(baseline, "scenario")));
	fputc('\n', out);
	if (!rc)
		rc = write_facts(out, 0, "common", json_object_get(baseline, "common"));
	if (!rc)
		rc = write_facts(out, 0, "modules", shared);
	fputs("points:\n", out);
	for (i = 0; !rc && i < n; i++)
		rc = write_point(out, ids[i], json_object_get(points, ids[i]), shared);
	/* At the end, so that a file that was cut shows it. */
	fputs("complete: true\n", out);
	json_decref(shared);
	free(ids);
	return rc;
}
