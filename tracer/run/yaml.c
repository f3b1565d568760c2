// SPDX-License-Identifier: GPL-2.0
/*
 * From libyaml's events to a tree with line numbers. The hard thing is to be safe with any input
 * and still helpful: libyaml's own messages are for its authors, so the frequent mistakes (a tab,
 * a missing space after a colon) get a word of their own, and what a scenario never needs
 * (anchors, tags, several documents) is refused instead of half understood.
 */
#include "run/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <yaml.h>

/* State of one reading: libyaml's parser, and where problems go. */
struct reader {
	yaml_parser_t parser;
	struct sc_problems *pb;
	const char *text;
	size_t len;
};

static int line_of(const yaml_event_t *ev)
{
	return (int)ev->start_mark.line + 1;
}

static int line_at(const char *text, size_t len, size_t offset)
{
	int line = 1;
	size_t i;

	for (i = 0; i < len && i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static void tell_syntax(struct reader *r)
{
	yaml_parser_t *p = &r->parser;
	const char *what = p->problem ? p->problem : "unreadable";
	int line;

	switch (p->error) {
	case YAML_MEMORY_ERROR:
		r->pb->nomem = true;
		return;
	case YAML_READER_ERROR:
		line = line_at(r->text, r->len, p->problem_offset);
		sc_problem(r->pb, line, "not YAML: %s; a text in UTF-8 is needed", what);
		return;
	default:
		line = (int)p->problem_mark.line + 1;
	}
	if (strstr(what, "cannot start any token"))
		sc_problem(r->pb, line,
			   "not YAML: %s; indent with spaces, not tabs, and quote texts that "
			   "begin with one of @ ` %%", what);
	else if (strstr(what, "could not find expected ':'"))
		/* Noticed lines later; the context is the line that lacks it. */
		sc_problem(r->pb, (int)p->context_mark.line + 1, "not YAML: %s; write "
			   "\"key: value\", with the space", what);
	else if (strstr(what, "mapping values are not allowed"))
		sc_problem(r->pb, line,
			   "not YAML: %s; indent keys of one mapping alike and quote a text that "
			   "holds \": \"", what);
	else
		sc_problem(r->pb, line, "not YAML: %s%s%s; see exitlab-scenario(5)", what,
			   p->context ? " " : "", p->context ? p->context : "");
}

static bool next(struct reader *r, yaml_event_t *ev)
{
	if (yaml_parser_parse(&r->parser, ev))
		return true;
	tell_syntax(r);
	return false;
}

static struct yt_node *new_node(enum yt_kind kind, int line, struct sc_problems *pb)
{
	struct yt_node *node = calloc(1, sizeof(*node));

	if (!node) {
		pb->nomem = true;
		return NULL;
	}
	node->kind = kind;
	node->line = line;
	return node;
}

/* Takes @key and @value in every case. */
static bool add_entry(struct yt_node *node, char *key, int line, struct yt_node *value,
		      struct sc_problems *pb)
{
	struct yt_entry *e;

	if (!value)
		goto out;
	if (node->n == YT_MAX_ITEMS) {
		sc_problem(pb, line, "more than %d entries in one place; split the scenario",
			   YT_MAX_ITEMS);
		goto out;
	}
	/* Grown by powers of two: every call that meets one reallocates. */
	if (!(node->n & (node->n - 1))) {
		size_t cap = node->n ? node->n * 2 : 1;

		e = realloc(node->entries, cap * sizeof(*e));
		if (!e) {
			pb->nomem = true;
			goto out;
		}
		node->entries = e;
	}
	node->entries[node->n++] = (struct yt_entry){ .key = key, .line = line, .value = value };
	return true;
out:
	free(key);
	yt_free(value);
	return false;
}

static void refuse_extras(struct reader *r, const yaml_event_t *ev)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (ev->type == YAML_SCALAR_EVENT) {
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
	}
	if (anchor)
		sc_problem(r->pb, line_of(ev), "&%s: anchors are not supported; write the value "
			   "out wherever it is needed", sc_quote((const char *)anchor).s);
	if (tag)
		sc_problem(r->pb, line_of(ev), "%s: tags are not supported; write the plain value",
			   sc_quote((const char *)tag).s);
}

static struct yt_node *read_scalar(struct reader *r, const yaml_event_t *ev)
{
	struct yt_node *node = new_node(YT_SCALAR, line_of(ev), r->pb);
	const char *text = (const char *)ev->data.scalar.value;

	if (!node)
		return NULL;
	if (strlen(text) != ev->data.scalar.length)
		sc_problem(r->pb, node->line, "\"%s\": a NUL character in a text; remove it",
			   sc_quote(text).s);
	node->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = strdup(text);
	if (!node->text) {
		r->pb->nomem = true;
		yt_free(node);
		return NULL;
	}
	return node;
}

static struct yt_node *read_value(struct reader *r, yaml_event_t *ev, int depth);

/* NULL, with the problem told, if the event cannot be a key. Consumes the event. */
static char *read_key(struct reader *r, yaml_event_t *ev)
{
	char *key = NULL;

	refuse_extras(r, ev);
	if (ev->type != YAML_SCALAR_EVENT) {
		sc_problem(r->pb, line_of(ev), "not a word before a colon; a key is one word");
	} else if (strlen((char *)ev->data.scalar.value) != ev->data.scalar.length) {
		sc_problem(r->pb, line_of(ev), "a NUL character in a key; remove it");
	} else {
		key = strdup((char *)ev->data.scalar.value);
		if (!key)
			r->pb->nomem = true;
	}
	yaml_event_delete(ev);
	return key;
}

static void tell_twice(struct reader *r, const struct yt_node *map, const char *key, int line)
{
	size_t i;

	for (i = 0; i < map->n; i++) {
		if (strcmp(map->entries[i].key, key))
			continue;
		sc_problem(r->pb, line, "%s: given twice; it is on line %d already",
			   sc_quote(key).s, map->entries[i].line);
		return;
	}
}

static bool read_map(struct reader *r, struct yt_node *node, int depth)
{
	yaml_event_t ev;

	for (;;) {
		char *key;
		int line;

		if (!next(r, &ev))
			return false;
		if (ev.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&ev);
			return true;
		}
		line = line_of(&ev);
		key = read_key(r, &ev);
		if (!key)
			return false;
		tell_twice(r, node, key, line);
		if (!next(r, &ev)) {
			free(key);
			return false;
		}
		if (!add_entry(node, key, line, read_value(r, &ev, depth + 1), r->pb))
			return false;
	}
}

static bool read_list(struct reader *r, struct yt_node *node, int depth)
{
	yaml_event_t ev;

	for (;;) {
		int line;

		if (!next(r, &ev))
			return false;
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			return true;
		}
		line = line_of(&ev);
		if (!add_entry(node, NULL, line, read_value(r, &ev, depth + 1), r->pb))
			return false;
	}
}

/* The value that begins with @ev. Consumes the event. NULL: reading cannot go on. */
static struct yt_node *read_value(struct reader *r, yaml_event_t *ev, int depth)
{
	struct yt_node *node = NULL;
	int line = line_of(ev);
	bool ok = true;

	refuse_extras(r, ev);
	if (depth > YT_MAX_DEPTH) {
		sc_problem(r->pb, line, "nested deeper than %d levels; a scenario needs four",
			   YT_MAX_DEPTH);
		yaml_event_delete(ev);
		return NULL;
	}
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		node = read_scalar(r, ev);
		break;
	case YAML_ALIAS_EVENT:
		sc_problem(r->pb, line, "*%s: aliases are not supported; write the value out",
			   sc_quote((const char *)ev->data.alias.anchor).s);
		break;
	case YAML_SEQUENCE_START_EVENT:
		node = new_node(YT_LIST, line, r->pb);
		ok = node && read_list(r, node, depth);
		break;
	case YAML_MAPPING_START_EVENT:
		node = new_node(YT_MAP, line, r->pb);
		ok = node && read_map(r, node, depth);
		break;
	default:
		sc_problem(r->pb, line, "not YAML: a value is missing");
	}
	yaml_event_delete(ev);
	if (!ok) {
		yt_free(node);
		node = NULL;
	}
	return node;
}

static bool text_usable(struct reader *r)
{
	const char *nul = memchr(r->text, '\0', r->len);

	if (r->len > YT_MAX_BYTES) {
		sc_problem(r->pb, 1, "larger than 1 MiB; a scenario is a page of text");
		return false;
	}
	if (nul) {
		sc_problem(r->pb, line_at(r->text, r->len, nul - r->text),
			   "a NUL byte; a scenario is a text in UTF-8");
		return false;
	}
	return true;
}

/* stream start, document start, value, document end, stream end: anything else is told. */
static struct yt_node *read_document(struct reader *r)
{
	struct yt_node *node = NULL;
	yaml_event_t ev;

	if (!next(r, &ev))
		return NULL;
	yaml_event_delete(&ev);
	if (!next(r, &ev))
		return NULL;
	if (ev.type == YAML_STREAM_END_EVENT) {
		sc_problem(r->pb, 1, "the file is empty; see exitlab-scenario(5) for what belongs "
			   "into it");
		goto out;
	}
	yaml_event_delete(&ev);
	if (!next(r, &ev))
		return NULL;
	node = read_value(r, &ev, 1);
	if (!node)
		return NULL;
	if (!next(r, &ev))
		return node;
	yaml_event_delete(&ev);
	if (!next(r, &ev))
		return node;
	if (ev.type == YAML_DOCUMENT_START_EVENT)
		sc_problem(r->pb, line_of(&ev), "a second document begins; one scenario per file");
out:
	yaml_event_delete(&ev);
	return node;
}

struct yt_node *yt_read(const char *text, size_t len, struct sc_problems *pb)
{
	struct reader r = { .pb = pb, .text = text, .len = len };
	struct yt_node *node;

	if (!text_usable(&r))
		return NULL;
	if (!yaml_parser_initialize(&r.parser)) {
		pb->nomem = true;
		return NULL;
	}
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	node = read_document(&r);
	yaml_parser_delete(&r.parser);
	return node;
}

static struct yt_node *json_scalar(const json_t *j, struct sc_problems *pb)
{
	struct yt_node *node = new_node(YT_SCALAR, 0, pb);
	char buf[32] = "null";

	if (!node)
		return NULL;
	node->plain = !json_is_string(j);
	if (json_is_integer(j))
		snprintf(buf, sizeof(buf), "%lld", (long long)json_integer_value(j));
	else if (json_is_real(j))
		snprintf(buf, sizeof(buf), "%.9g", json_real_value(j));
	else if (json_is_boolean(j))
		strcpy(buf, json_is_true(j) ? "true" : "false");
	node->text = strdup(json_is_string(j) ? json_string_value(j) : buf);
	if (!node->text) {
		pb->nomem = true;
		yt_free(node);
		return NULL;
	}
	return node;
}

static struct yt_node *json_node(const json_t *j, int depth, struct sc_problems *pb)
{
	struct yt_node *node;
	const char *key;
	json_t *value;
	size_t i;

	if (depth > YT_MAX_DEPTH) {
		sc_problem(pb, 0, "nested deeper than %d levels", YT_MAX_DEPTH);
		return NULL;
	}
	if (!json_is_object(j) && !json_is_array(j))
		return json_scalar(j, pb);
	node = new_node(json_is_object(j) ? YT_MAP : YT_LIST, 0, pb);
	if (!node)
		return NULL;
	json_object_foreach((json_t *)j, key, value) {
		char *copy = strdup(key);

		if (!copy)
			pb->nomem = true;
		if (!copy || !add_entry(node, copy, 0, json_node(value, depth + 1, pb), pb))
			goto fail;
	}
	json_array_foreach(j, i, value) {
		if (!add_entry(node, NULL, 0, json_node(value, depth + 1, pb), pb))
			goto fail;
	}
	return node;
fail:
	yt_free(node);
	return NULL;
}

struct yt_node *yt_from_json(const json_t *j, struct sc_problems *pb)
{
	return json_node(j, 1, pb);
}

void yt_free(struct yt_node *node)
{
	size_t i;

	if (!node)
		return;
	for (i = 0; i < node->n; i++) {
		free(node->entries[i].key);
		yt_free(node->entries[i].value);
	}
	free(node->entries);
	free(node->text);
	free(node);
}

struct yt_node *yt_get(const struct yt_node *node, const char *key)
{
	size_t i;

	if (!node || node->kind != YT_MAP)
		return NULL;
	for (i = 0; i < node->n; i++) {
		if (!strcmp(node->entries[i].key, key))
			return node->entries[i].value;
	}
	return NULL;
}

bool yt_is_null(const struct yt_node *node)
{
	return node->kind == YT_SCALAR && node->plain &&
	       (!*node->text || !strcmp(node->text, "~") || !strcasecmp(node->text, "null"));
}

const char *yt_what(const struct yt_node *node)
{
	if (node->kind == YT_LIST)
		return "a list";
	if (node->kind == YT_MAP)
		return "a mapping";
	return yt_is_null(node) ? "nothing" : "a text";
}
