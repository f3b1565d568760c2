// SPDX-License-Identifier: GPL-2.0
/* A growing argument vector. A full one is remembered by n going past the end. */
#include "util/args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void args_add(struct args *a, const char *fmt, ...)
{
	va_list ap;

	if (a->n >= ARGS_MAX) {
		a->n = ARGS_MAX + 1;
		return;
	}
	va_start(ap, fmt);
	if (vasprintf(&a->v[a->n], fmt, ap) < 0)
		a->v[a->n] = NULL;
	va_end(ap);
	a->n = a->v[a->n] ? a->n + 1 : ARGS_MAX + 1;
	if (a->n <= ARGS_MAX)
		a->v[a->n] = NULL;
}

void args_words(struct args *a, const char *words)
{
	while (*words) {
		size_t n = strcspn(words, " ");

		if (n > 0)
			args_add(a, "%.*s", (int)n, words);
		words += n + (words[n] == ' ');
	}
}

int args_ok(const struct args *a)
{
	return a->n > ARGS_MAX ? -E2BIG : 0;
}

void args_free(struct args *a)
{
	int i;

	for (i = 0; i < ARGS_MAX && a->v[i]; i++)
		free(a->v[i]);
	*a = (struct args){ .n = 0 };
}
