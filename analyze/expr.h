/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arithmetic over named values: numbers, + - * /, parentheses, min(a,b,...), max(a,b,...) and
 * functions of strings such as v('eli-table1','ELI','Netperf','exits'), which the caller answers.
 * What a paper claims is written so, once, and evaluated over the printed values and over ours.
 */
#ifndef EXITLAB_EXPR_H
#define EXITLAB_EXPR_H

#include <stddef.h>

#define EXPR_MAX_ARGS 8

/* One argument: a string, or a number where @text is NULL. */
struct expr_arg {
	const char *text;
	double number;
};

struct expr_env {
	/*
	 * Value of @name(@args). 0; -ENODATA: such a value exists in principle, but nobody has it
	 * (then the whole expression has none); -EINVAL: there is no such function.
	 */
	int (*call)(void *arg, const char *name, const struct expr_arg *args, size_t n,
		    double *out);
	void *arg;
};

/*
 * 0, -ENODATA, or -EINVAL with @why (what is wrong, and at which character). A division by zero and
 * a result that is not finite are -ENODATA.
 */
int expr_eval(const char *text, const struct expr_env *env, double *out, char *why, size_t size);

#endif
