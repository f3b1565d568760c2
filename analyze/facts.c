// SPDX-License-Identifier: GPL-2.0
/*
 * Flat facts. What takes care: records come from anywhere, so keys and texts have a bound, and a
 * flat key can be written in groups ("kvm: {avic: N}") and read back without two of them meeting.
 */
#include "analyze/facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct flattening {
	json_t *facts;
	const char *const *skip;
	char *why;
	size_t n;
};

static int refuse(const struct flattening *f, const char *key, const char *what)
{
	snprintf(f->why, f->n, "%.60s: %s", key, what);
	return -EINVAL;
}

static bool skipped(const struct flattening *f, const char *key)
{
	const char *const *s;

	for (s = f->skip; s && *s; s++) {
		if (!strcmp(*s, key))
			return true;
	}
	return false;
}

static bool scalar_text(const json_t *v, char *buf, size_t n)
{
	int len;

	if (json_is_string(v))
		len = snprintf(buf, n, "%s", json_string_value(v));
	else if (json_is_integer(v))
		len = snprintf(buf, n, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		len = snprintf(buf, n, "%.15g", json_real_value(v));
	else if (json_is_boolean(v))
		len = snprintf(buf, n, "%s", json_is_true(v) ? "true" : "false");
	else
		return false;
	return (size_t)len < n;
}

static bool list_text(const json_t *list, char *buf, size_t n)
{
	char item[FACT_TEXT_MAX], *text;
	size_t used = 0, i;
	json_t *v;
	bool ok;

	*buf = '\0';
	json_array_foreach(list, i, v) {
		if (!scalar_text(v, item, sizeof(item)) || used + strlen(item) + 2 > n)
			break;
		used += snprintf(buf + used, n - used, "%s%s", i ? "," : "", item);
	}
	if (i == json_array_size(list))
		return true;
	text = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
	ok = text && strlen(text) < n;
	if (ok)
		strcpy(buf, text);
	free(text);
	return ok;
}

static int flatten(struct flattening *f, const char *prefix, const json_t *obj)
{
	char path[FACT_KEY_MAX], text[FACT_TEXT_MAX];
	const char *key;
	json_t *v;
	int rc;

	json_object_foreach((json_t *)obj, key, v) {
		if (!*prefix && (!*key || strchr(key, '.')))
			return refuse(f, key, "a dot in a key, or an empty one");
		if (snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", key) >=
		    (int)sizeof(path))
			return refuse(f, path, "the key is too long");
		if (json_is_null(v) || skipped(f, path))
			continue;
		if (json_is_object(v)) {
			rc = flatten(f, path, v);
			if (rc)
				return rc;
			continue;
		}
		if (json_is_array(v) ? !list_text(v, text, sizeof(text)) :
		    !scalar_text(v, text, sizeof(text)))
			return refuse(f, path, "longer than 2047 bytes");
		if (json_object_set_new(f->facts, path, json_string(text)))
			return -ENOMEM;
	}
	return 0;
}

int facts_flatten(json_t *facts, const json_t *obj, const char *const *skip, char *why, size_t n)
{
	struct flattening f = { .facts = facts, .skip = skip, .why = why, .n = n };

	return flatten(&f, "", obj);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **sorted_keys(const json_t *obj, size_t *n)
{
	const char **keys = calloc(json_object_size(obj) + 1, sizeof(*keys)), *key;
	json_t *v;

	*n = 0;
	if (!keys)
		return NULL;
	json_object_foreach((json_t *)obj, key, v)
		keys[(*n)++] = key;
	qsort(keys, *n, sizeof(*keys), by_text);
	return keys;
}

const char *facts_first_difference(const json_t *a, const json_t *b)
{
	const char *first = NULL, *key;
	json_t *v;

	json_object_foreach((json_t *)a, key, v) {
		if (!json_equal(v, json_object_get(b, key)) && (!first || strcmp(key, first) < 0))
			first = key;
	}
	json_object_foreach((json_t *)b, key, v) {
		if (!json_object_get(a, key) && (!first || strcmp(key, first) < 0))
			first = key;
	}
	return first;
}

const char *facts_text(const json_t *facts, const char *key)
{
	const char *text = json_string_value(json_object_get(facts, key));

	return text ? text : "(nothing)";
}

int facts_differences(json_t *list, const char *point, const char *prefix, const json_t *a,
		      const json_t *b)
{
	json_t *both = json_copy((json_t *)a);
	const char **keys = NULL;
	size_t n = 0, i;
	int rc = -ENOMEM;

	if (!both || json_object_update_missing(both, (json_t *)b))
		goto out;
	keys = sorted_keys(both, &n);
	if (!keys)
		goto out;
	for (i = 0; i < n; i++) {
		json_t *u = json_object_get(a, keys[i]), *v = json_object_get(b, keys[i]);

		if (u && v && json_equal(u, v))
			continue;
		u = json_pack("{s:s?, s:o, s:s, s:s}", "point", point, "field",
			      json_sprintf("%s%s", prefix, keys[i]), "baseline",
			      facts_text(a, keys[i]), "now", facts_text(b, keys[i]));
		if (!u || json_array_append_new(list, u))
			goto out;
	}
	rc = 0;
out:
	free(keys);
	json_decref(both);
	return rc;
}
