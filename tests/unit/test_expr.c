// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/expr.c */
/* Arithmetic over named values. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "analyze/expr.h"

static int call(void *arg, const char *name, const struct expr_arg *a, size_t n, double *out)
{
	(void)arg;
	if (!strcmp(name, "len") && n == 1 && a[0].text) {
		*out = (double)strlen(a[0].text);
		return 0;
	}
	return !strcmp(name, "none") ? -ENODATA : -EINVAL;
}

static int eval(const char *text, double *out)
{
	static const struct expr_env env = { call, NULL };
	char why[120];

	return expr_eval(text, &env, out, why, sizeof(why));
}

static void test_arithmetic(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {
		{ "1+2*3", 7 }, { "(1+2)*3", 9 }, { "10-4-3", 3 }, { "16/4/2", 2 },
		{ "-2*-3", 6 }, { " 1 + 1 ", 2 }, { "2.93e9/60/1e6", 2.93e9 / 60 / 1e6 },
		{ "min(3,1+1,5)", 2 }, { "max(3,1+1,5)", 5 }, { "len('abc')*2", 6 },
		{ "len('with , and )')", 12 }, { "100-100*max(1/2,1/4)", 50 },
	};
	double v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(eval(good[i].text, &v), 0);
		assert_true(v == good[i].value);
	}
}

static void test_no_data(void **state)
{
	static const char *const without[] = { "none('x')", "1+none('x')*2", "1/0", "1/(2-2)",
					       "max(1,none('x'))", "1e308*1e308" };
	double v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		assert_int_equal(eval(without[i], &v), -ENODATA);
}

static void test_mistakes(void **state)
{
	static const char *const bad[] = { "", "1+", "(1", "1)", "len('abc", "len(1)", "nothing(1)",
		"1 2", "len", "min('a')", "'a'", "none('x')+", "*2", "min(1,2", "x()" };
	char deep[400];
	double v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(eval(bad[i], &v), -EINVAL);
	memset(deep, '(', sizeof(deep));
	deep[sizeof(deep) - 1] = 0;
	assert_int_equal(eval(deep, &v), -EINVAL);
	memset(deep, '-', sizeof(deep) - 1);
	assert_int_equal(eval(deep, &v), -EINVAL);
}

static void test_says_where(void **state)
{
	static const struct expr_env env = { call, NULL };
	char why[120];
	double v;

	(void)state;
	assert_int_equal(expr_eval("1+*2", &env, &v, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "a number or a function expected at character 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_no_data),
		cmocka_unit_test(test_mistakes), cmocka_unit_test(test_says_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
