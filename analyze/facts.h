/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Facts: what a record says of its machine and settings, as a flat object of texts, so that two
 * sides can be compared field by field and a difference can be told in a line.
 */
#ifndef EXITLAB_FACTS_H
#define EXITLAB_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* Bytes of a key and of a value with their NUL. */
#define FACT_KEY_MAX	200
#define FACT_TEXT_MAX	2048

/*
 * Adds the members of @obj to @facts: "link.delay_ns" for what is nested, lists of scalars joined
 * by commas, other lists as JSON; null is left out, and so are the keys of @skip (NULL-terminated,
 * flat keys; may be NULL). -EINVAL if something is too long or a key at the top has a dot: its flat
 * key is then in @why. -ENOMEM.
 */
int facts_flatten(json_t *facts, const json_t *obj, const char *const *skip, char *why, size_t n);

/*
 * The first key in alphabetical order whose values differ, or that only one has; NULL if the same.
 * The text belongs to @a or @b.
 */
const char *facts_first_difference(const json_t *a, const json_t *b);
/* The text of a fact, or "(nothing)". */
const char *facts_text(const json_t *facts, const char *key);

/* The keys of an object in alphabetical order; NULL without memory. Free the array alone. */
const char **sorted_keys(const json_t *obj, size_t *n);

/*
 * Appends {"point", "field", "baseline", "now"} to @list for each fact that differs, in
 * alphabetical order; @point may be NULL, @prefix is put before the key. 0 or -ENOMEM.
 */
int facts_differences(json_t *list, const char *point, const char *prefix, const json_t *a,
		      const json_t *b);

#endif
