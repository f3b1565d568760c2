// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/claims.c analyze/values.c analyze/expr.c tracer/util/log.c -lcsv */
/* The papers' claims over the printed values of plots/paper, and what bad tables get. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze/claims.h"
#include "util/log.h"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test-claims-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const files[] = { "t.csv", "u.csv", "measured.csv", "claims.csv" };
	char path[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static const char *put(const char *name, const char *text)
{
	static char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

#define TITLES "configuration,x,metric,value,unit,provenance,source,note\n"

static int judge(const char *expression, const char *comparator, double value, double tolerance,
		 double *result)
{
	struct claim c = { .id = "T", .expression = expression, .comparator = comparator,
			   .value = value, .tolerance = tolerance };
	struct claim_values *v = claim_values_new(dir);
	int ret;

	assert_non_null(v);
	ret = claim_judge(&c, v, result);
	claim_values_free(v);
	return ret;
}

/* Another program has judged the same list: 140 claims are decided by what is printed, and hold. */
static void test_printed(void **state)
{
	struct claim_values *v = claim_values_new("plots/paper");
	struct claims list;
	size_t i, n[3] = { 0 };
	double value;

	(void)state;
	assert_int_equal(claims_read("plots/paper/claims.csv", &list), 0);
	for (i = 0; i < list.n; i++) {
		int ret = claim_judge(&list.claim[i], v, &value);

		assert_in_range(ret, 0, 2);
		/* Exactly those have no data that say so. */
		assert_true((ret == CLAIM_NO_DATA) ==
			    !strcmp(list.claim[i].decided_by, "measurement"));
		n[ret]++;
	}
	assert_int_equal(n[CLAIM_HOLDS], 140);
	assert_int_equal(n[CLAIM_FAILS], 0);
	assert_int_equal(n[CLAIM_NO_DATA], 106);
	claims_free(&list);
	claim_values_free(v);
}

static void test_verdicts(void **state)
{
	double v;

	(void)state;
	put("t.csv", TITLES "A,1,y,10,,table,s,\nA,2,y,20,,table,s,\nA,3,y,,,table,s,\n"
	    "B,2,y,7,,table,s,\"a, note\"\n");
	put("u.csv", TITLES "A,1,y,10,,table,s,\nA,2,y,21,,table,s,\n");
	put("measured.csv", TITLES "A,1,rr,3.5,us,measured,s,\n");
	assert_int_equal(judge("v('t','A','2','y')/v('t','A','1','y')", ">=", 2, 0, &v),
			 CLAIM_HOLDS);
	assert_true(v == 2);
	assert_int_equal(judge("v('t','A','2','y')", ">=", 21, 0, &v), CLAIM_FAILS);
	assert_int_equal(judge("v('t','A','2','y')", ">=", 21, 1, &v), CLAIM_HOLDS);
	assert_int_equal(judge("v('t','A','2','y')", "<=", 19, 0.5, &v), CLAIM_FAILS);
	assert_int_equal(judge("v('t','A','2','y')", "~", 19, 0.5, &v), CLAIM_FAILS);
	assert_int_equal(judge("v('t','A','2','y')", "~", 19, 1, &v), CLAIM_HOLDS);
	assert_int_equal(judge("v('t','A','3','y')", "~", 19, 1, &v), CLAIM_NO_DATA);
	assert_int_equal(judge("v('t','C','1','y')", "~", 19, 1, &v), CLAIM_NO_DATA);
	assert_int_equal(judge("v('none','A','1','y')", "~", 19, 1, &v), CLAIM_NO_DATA);
	assert_int_equal(judge("m('A','1','rr')", "~", 3.5, 0, &v), CLAIM_HOLDS);
	assert_int_equal(judge("max_upto('t',1)", "~", 10, 0, &v), CLAIM_HOLDS);
	assert_int_equal(judge("min_upto('t',2)", "~", 7, 0, &v), CLAIM_HOLDS);
	assert_int_equal(judge("mono('u','y')", ">=", 1, 0, &v), CLAIM_HOLDS);
	assert_int_equal(judge("mono('t','y')", ">=", 1, 0, &v), CLAIM_FAILS);
	assert_int_equal(judge("same('t','u','1')", ">=", 1, 0, &v), CLAIM_HOLDS);
	assert_int_equal(judge("same('t','u','2')", ">=", 1, 0, &v), CLAIM_NO_DATA);
	assert_int_equal(judge("same('u','t','2')", ">=", 1, 0, &v), CLAIM_FAILS);
}

/* What cannot be measured has the note of the value that is missing. */
static void test_whys(void **state)
{
	static const char list_text[] =
		"id,source,section,item,metric,expression,comparator,value,unit,tolerance,decided_by,note\n"
		"A,,,,,\"v('t','A','1','y')\",~,10,,,print,\nB,,,,,\"v('t','A','2','y')\",~,1,,,print,\n"
		"C,,,,,\"mono('u','y')\",~,1,,,print,\nD,,,,,1/7,<=,1,,,print,\n";
	static const char *const whys[] = { NULL, "not run: really", "nobody has it",
					    "arithmetic on printed numbers only" };
	struct claim_values *v = claim_values_new(dir);
	struct judged_claim *all;
	struct claims list;
	size_t i;

	(void)state;
	put("t.csv", TITLES "A,1,y,10,,table,s,\nA,2,y,,,,s,not run: really\n");
	put("u.csv", TITLES "A,1,y,,,,s,nobody has it\n");
	assert_int_equal(claims_read(put("claims.csv", list_text), &list), 0);
	assert_int_equal(claims_judge_all(&list, v, v, &all), 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(all[i].measured, i ? CLAIM_NO_DATA : CLAIM_HOLDS);
		assert_true(whys[i] ? all[i].why && !strcmp(all[i].why, whys[i]) : !all[i].why);
	}
	assert_int_equal(all[3].printed, CLAIM_HOLDS);
	claims_judged_free(all, list.n);
	claims_free(&list);
	claim_values_free(v);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "empty" },
		{ "configuration,x\n", ":1: there is no column 'metric'" },
		{ TITLES "A,1,y,ten,,t,s,\n", ":2: value 'ten' is not a number" },
		{ TITLES "A,1,y,nan,,t,s,\n", ":2: value 'nan' is not a number" },
		{ TITLES "A,1,y,1,,t,s,,more\n", ":2: more fields than titles" },
		{ TITLES "A,\"1,y,1,,t,s,\n", "a quote is never closed" },
		{ TITLES "A,1\"2,y,1,,t,s,\n", ": a quote where none can be" },
	};
	double v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("t.csv", bad[i].text);
		assert_true(judge("v('t','A','1','y')", "~", 1, 0, &v) < 0);
		assert_non_null(strstr(log_last_error(), bad[i].says));
	}
	put("t.csv", TITLES);
	assert_int_equal(judge("v('t','A')", "~", 1, 0, &v), -EINVAL);
	assert_int_equal(judge("w('t','A')", "~", 1, 0, &v), -EINVAL);
}

static void test_bad_list(void **state)
{
	static const char titles[] = "id,source,section,item,metric,expression,comparator,value,"
				     "unit,tolerance,decided_by,note\n";
	static const struct {
		const char *line, *says;
	} bad[] = {
		{ "A,,,,,1,==,1,,,print,\n", ":2: comparator is" },
		{ "A,,,,,1,~,one,,,print,\n", ":2: value is not" },
		{ "A,,,,,1,~,,,,print,\n", ":2: value is not" },
		{ "A,,,,,1,~,1,,5,print,\n", ":2: tolerance is" },
	};
	struct claims list;
	char text[400];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", titles, bad[i].line);
		assert_int_equal(claims_read(put("claims.csv", text), &list), -EINVAL);
		assert_non_null(strstr(log_last_error(), bad[i].says));
	}
	assert_int_equal(claims_read("/nowhere/claims.csv", &list), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_printed),
		cmocka_unit_test_setup_teardown(test_verdicts, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_whys, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_mistakes, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_bad_list, make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
