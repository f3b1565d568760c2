/* SPDX-License-Identifier: GPL-2.0 */
/* Problems found in a scenario: collected first, so that all of them are told at once, in order. */
#ifndef EXITLAB_SCENARIO_MSG_H
#define EXITLAB_SCENARIO_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct sc_problem {
	int line;		/* 0: none (not from a file) */
	size_t seq;
	char *text;
};

struct sc_problems {
	struct sc_problem *list;
	size_t n;
	size_t dropped;		/* beyond the first SC_MAX_PROBLEMS */
	bool nomem;		/* memory ran out: the list, or what it is about, is not complete */
};

#define SC_MAX_PROBLEMS	50

/* Adds "KEY: what is wrong; what would be right". */
void sc_problem(struct sc_problems *pb, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Writes all of them as "PATH:LINE: ...", by line. */
void sc_problems_print(struct sc_problems *pb, const char *path, FILE *to);
void sc_problems_free(struct sc_problems *pb);

/* Room for a user's text in a message. */
struct sc_quoted { char s[64]; };
/* A user's text shortened and without control characters, fit for one line. */
struct sc_quoted sc_quote(const char *text);

/* The word of @known (NULL-terminated) that @word is most likely a misspelling of, or NULL. */
const char *sc_nearest(const char *word, const char *const *known);

#endif
