// SPDX-License-Identifier: GPL-2.0
/*
 * Problems of a scenario file, and the guess of what a misspelt word was meant to be. What takes
 * care here: a message holds text of a file that may be anything, and must stay one line.
 */
#include "run/scenario_msg.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void sc_problem(struct sc_problems *pb, int line, const char *fmt, ...)
{
	struct sc_problem *list;
	char buf[512];
	char *text;
	va_list ap;

	if (pb->n == SC_MAX_PROBLEMS) {
		pb->dropped++;
		return;
	}
	list = realloc(pb->list, (pb->n + 1) * sizeof(*list));
	if (!list) {
		pb->nomem = true;
		return;
	}
	pb->list = list;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	text = strdup(buf);
	if (!text) {
		pb->nomem = true;
		return;
	}
	list[pb->n] = (struct sc_problem){ .line = line, .seq = pb->n, .text = text };
	pb->n++;
}

static int by_line(const void *a, const void *b)
{
	const struct sc_problem *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void sc_problems_print(struct sc_problems *pb, const char *path, FILE *to)
{
	size_t i;

	if (pb->n)
		qsort(pb->list, pb->n, sizeof(*pb->list), by_line);
	for (i = 0; i < pb->n; i++) {
		const struct sc_problem *p = &pb->list[i];

		if (p->line)
			fprintf(to, "%s:%d: %s\n", path, p->line, p->text);
		else
			fprintf(to, "%s: %s\n", path, p->text);
	}
	if (pb->dropped)
		fprintf(to, "%s: and %zu more problems; correct these first\n", path, pb->dropped);
}

void sc_problems_free(struct sc_problems *pb)
{
	size_t i;

	for (i = 0; i < pb->n; i++)
		free(pb->list[i].text);
	free(pb->list);
	*pb = (struct sc_problems){ 0 };
}

struct sc_quoted sc_quote(const char *text)
{
	const size_t room = sizeof(((struct sc_quoted *)0)->s) - 4;
	struct sc_quoted q;
	size_t i;

	for (i = 0; text[i] && i < room; i++) {
		unsigned char c = text[i];

		q.s[i] = c < 0x20 || c == 0x7f ? '?' : c;
	}
	if (text[i]) {
		/* Not in the middle of a UTF-8 character. */
		while (i && ((unsigned char)text[i] & 0xc0) == 0x80)
			i--;
		strcpy(q.s + i, "...");
	} else {
		q.s[i] = '\0';
	}
	return q;
}

#define WORD_MAX 40

/* Levenshtein's distance, a swap of neighbours counted as one. Words up to WORD_MAX bytes. */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[WORD_MAX + 1][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b), i, j;

	for (i = 0; i <= la; i++)
		d[i][0] = i;
	for (j = 0; j <= lb; j++)
		d[0][j] = j;
	for (i = 1; i <= la; i++) {
		for (j = 1; j <= lb; j++) {
			unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[la][lb];
}

const char *sc_nearest(const char *word, const char *const *known)
{
	const char *best = NULL;
	unsigned least = UINT32_MAX;
	size_t len = strlen(word);

	if (len > WORD_MAX)
		return NULL;
	for (; *known; known++) {
		size_t known_len = strlen(*known);
		unsigned d;

		if (known_len > WORD_MAX)
			continue;
		d = distance(word, *known);
		/* A third of the word wrong is a misspelling, more is another word. */
		if (d < least && d <= (known_len + 2) / 3 && d < known_len) {
			least = d;
			best = *known;
		}
	}
	return best;
}
