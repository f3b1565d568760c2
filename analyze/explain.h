/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why ours differ from what is printed: texts whose numbers are expressions over named records, and
 * which are shown only while their checks hold. So no explanation outlives what it was true of.
 */
#ifndef EXITLAB_EXPLAIN_H
#define EXITLAB_EXPLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "analyze/paper.h"

struct yt_node;

struct explanation {
	const char *id;
	const struct yt_node *items, *claims, *checks, *text;	/* lists */
	bool holds;
	char *why;		/* it does not: a check that fails, or what is missing */
	char *shown;		/* the paragraphs with their numbers, a line each */
	char *counters;		/* every number of a record that went into it, "; " between */
};

struct explanations {
	struct yt_node *tree;
	struct explanation *list;
	size_t n;
};

/* Reads differences.yaml; mistakes are told on @err. No such file: none. 0 or negative errno. */
int explain_load(const char *path, FILE *err, struct explanations *out);
/* Evaluates all of them; @all: our values of @n items. 0 or -ENOMEM, or -EINVAL (told). */
int explain_evaluate(struct explanations *x, const struct records *rs,
		     const struct paper_values *all, size_t n);
void explain_free(struct explanations *x);

/* The next explanation after @from (NULL: the first) of a claim, or below an item. */
const struct explanation *explain_of_claim(const struct explanations *x,
					   const struct explanation *from, const char *claim);
const struct explanation *explain_of_item(const struct explanations *x,
					  const struct explanation *from, const char *item);
/* The claims or items it lists, one after the other; NULL at the end. */
const char *explain_name(const struct explanation *e, bool claim, size_t i);
/* "ID ID" of those that hold, "not explained yet" without any; "" if @fails is not so. */
const char *explain_names(const struct explanations *x, const char *claim, bool fails, char *buf,
			  size_t n);
/* All of them as text. */
void explain_write(FILE *out, const struct explanations *x);

#endif
