// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/expr.c */
/* Any text as an expression: a value, no data, or a mistake that is said; never a crash. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/expr.h"

static int call(void *arg, const char *name, const struct expr_arg *a, size_t n, double *out)
{
	size_t i;

	(void)arg;
	*out = (double)strlen(name);
	for (i = 0; i < n; i++)
		*out += a[i].text ? (double)strlen(a[i].text) : a[i].number;
	return n > 3 ? -ENODATA : n > 2 ? -EINVAL : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct expr_env env = { call, NULL };
	char *text = malloc(size + 1), why[64] = "";
	double v = 0;
	int ret;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	ret = expr_eval(text, &env, &v, why, sizeof(why));
	if ((ret && ret != -ENODATA && ret != -EINVAL) || (!ret && !isfinite(v)) ||
	    (ret == -EINVAL && !*why))
		abort();
	free(text);
	return 0;
}
