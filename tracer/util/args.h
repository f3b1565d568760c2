/* SPDX-License-Identifier: GPL-2.0 */
/* A growing argument vector for proc_start(). */
#ifndef EXITLAB_ARGS_H
#define EXITLAB_ARGS_H

#define ARGS_MAX 96

struct args {
	char *v[ARGS_MAX + 1];	/* NULL terminated at any time */
	int n;
};

/* Adds one argument; past ARGS_MAX or without memory it is dropped and args_ok() says so. */
void args_add(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds every word of @words (separated by blanks, no quoting). */
void args_words(struct args *a, const char *words);
/* 0, or -E2BIG if an argument was dropped. */
int args_ok(const struct args *a);
void args_free(struct args *a);

#endif
