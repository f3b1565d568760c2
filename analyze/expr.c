// SPDX-License-Identifier: GPL-2.0
/* A recursive descent parser that evaluates as it goes. */
#include "analyze/expr.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 64
#define MAX_TEXT 128

struct parser {
	const char *start, *p;
	const struct expr_env *env;
	int depth;
	bool no_data;		/* a value was missing; the rest is still checked for mistakes */
	char *why;
	size_t why_size;
};

static int sum(struct parser *s, double *out);

static int bad(struct parser *s, const char *what)
{
	snprintf(s->why, s->why_size, "%s at character %zu", what, (size_t)(s->p - s->start) + 1);
	return -EINVAL;
}

static bool next_is(struct parser *s, char c)
{
	while (*s->p == ' ')
		s->p++;
	if (*s->p != c)
		return false;
	s->p++;
	return true;
}

/* One argument; strings go to @buf. */
static int argument(struct parser *s, struct expr_arg *a, char *buf)
{
	size_t n;

	a->text = NULL;
	a->number = 0;
	if (!next_is(s, '\''))
		return sum(s, &a->number);
	n = strcspn(s->p, "'");
	if (!s->p[n])
		return bad(s, "a string is not closed");
	if (n >= MAX_TEXT)
		return bad(s, "a string is too long");
	memcpy(buf, s->p, n);
	buf[n] = 0;
	s->p += n + 1;
	a->text = buf;
	return 0;
}

static int extreme(struct parser *s, bool max, const struct expr_arg *a, size_t n, double *out)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (a[i].text)
			return bad(s, "min and max take numbers");
		if (!i || (max ? a[i].number > *out : a[i].number < *out))
			*out = a[i].number;
	}
	return 0;
}

static int call(struct parser *s, double *out)
{
	struct expr_arg a[EXPR_MAX_ARGS];
	char text[EXPR_MAX_ARGS][MAX_TEXT], name[32];
	const char *begin = s->p;
	size_t n = 0;
	int ret;

	while (isalnum((unsigned char)*s->p) || *s->p == '_')
		s->p++;
	snprintf(name, sizeof(name), "%.*s", (int)(s->p - begin), begin);
	if (!next_is(s, '('))
		return bad(s, "'(' expected");
	do {
		if (n == EXPR_MAX_ARGS)
			return bad(s, "too many arguments");
		ret = argument(s, &a[n], text[n]);
		if (ret)
			return ret;
		n++;
	} while (next_is(s, ','));
	if (!next_is(s, ')'))
		return bad(s, "')' expected");
	if (!strcmp(name, "min") || !strcmp(name, "max"))
		return extreme(s, name[1] == 'a', a, n, out);
	ret = s->env->call(s->env->arg, name, a, n, out);
	if (ret == -ENODATA) {
		s->no_data = true;
		*out = 1;
		return 0;
	}
	return ret == -EINVAL ? bad(s, "no such function, or other arguments than it takes, before")
			      : ret;
}

static int factor(struct parser *s, double *out)
{
	char *end;
	int ret;

	if (next_is(s, '-')) {
		if (++s->depth > MAX_DEPTH)
			return bad(s, "nested too deeply");
		ret = factor(s, out);
		s->depth--;
		*out = -*out;
		return ret;
	}
	if (next_is(s, '(')) {
		ret = sum(s, out);
		return ret ? ret : next_is(s, ')') ? 0 : bad(s, "')' expected");
	}
	if (isalpha((unsigned char)*s->p))
		return call(s, out);
	if (!isdigit((unsigned char)*s->p))
		return bad(s, "a number or a function expected");
	*out = strtod(s->p, &end);
	s->p = end;
	return 0;
}

static int product(struct parser *s, double *out)
{
	double y;
	int ret = factor(s, out);

	while (!ret) {
		bool times = next_is(s, '*');

		if (!times && !next_is(s, '/'))
			break;
		ret = factor(s, &y);
		if (!ret && !times && y == 0)
			s->no_data = true;
		if (!ret)
			*out = times ? *out * y : *out / (y == 0 ? 1 : y);
	}
	return ret;
}

static int sum(struct parser *s, double *out)
{
	double y;
	int ret;

	if (++s->depth > MAX_DEPTH)
		return bad(s, "nested too deeply");
	ret = product(s, out);
	while (!ret) {
		bool plus = next_is(s, '+');

		if (!plus && !next_is(s, '-'))
			break;
		ret = product(s, &y);
		*out += plus ? y : -y;
	}
	s->depth--;
	return ret;
}

int expr_eval(const char *text, const struct expr_env *env, double *out, char *why, size_t size)
{
	struct parser s = { .start = text, .p = text, .env = env, .why = why, .why_size = size };
	int ret = sum(&s, out);

	if (!ret && !next_is(&s, 0))
		ret = bad(&s, "nothing expected");
	if (!ret && (s.no_data || !isfinite(*out)))
		ret = -ENODATA;
	return ret;
}
