/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small YAML (or JSON) text as a tree that remembers line numbers. Refused, with a message of
 * the line: anchors, aliases, tags, several documents, keys given twice, keys that are not plain
 * words, nesting deeper than YT_MAX_DEPTH, more than YT_MAX_ITEMS entries in one place.
 * The prefix is yt_ (YAML tree): libyaml exports yaml_free() and many more names, and a program
 * that defines one of them replaces libyaml's.
 */
#ifndef EXITLAB_YAML_H
#define EXITLAB_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "run/scenario_msg.h"

#define YT_MAX_BYTES	(1024 * 1024)
#define YT_MAX_DEPTH	16
#define YT_MAX_ITEMS	1000

enum yt_kind { YT_SCALAR, YT_LIST, YT_MAP };

struct yt_node {
	enum yt_kind kind;
	int line;			/* 1-based; 0 if the tree was made from JSON */
	char *text;			/* scalar: NUL-terminated, no NUL within */
	bool plain;			/* scalar: written without quotes */
	struct yt_entry *entries;	/* list and map */
	size_t n;
};

struct yt_entry {
	char *key;			/* NULL in a list */
	int line;			/* of the key; in a list that of the value */
	struct yt_node *value;
};

/*
 * The tree of a text, to be freed with yt_free(); NULL if there is none (the reason is in @pb,
 * or pb->nomem is set). A tree can come with problems: then it is good enough to look for more.
 */
struct yt_node *yt_read(const char *text, size_t len, struct sc_problems *pb);
/* The same tree from JSON: strings count as quoted, numbers and booleans as plain. */
struct yt_node *yt_from_json(const json_t *j, struct sc_problems *pb);
void yt_free(struct yt_node *node);

/* The value of a mapping's key, or NULL. @node may be of any kind or NULL. */
struct yt_node *yt_get(const struct yt_node *node, const char *key);
/* "key:" without a value, "~" or "null". */
bool yt_is_null(const struct yt_node *node);
/* What a node is, for messages: "a list", "a mapping", "a text", "nothing". */
const char *yt_what(const struct yt_node *node);

#endif
