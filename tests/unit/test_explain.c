// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/explain.c analyze/paper_read.c analyze/paper_eval.c analyze/paper_cells.c analyze/paper_out.c analyze/expr.c analyze/values.c analyze/numbers.c analyze/record.c analyze/table.c tracer/core/reason.c tracer/run/scenario_msg.c tracer/run/yaml.c tracer/util/log.c -lcsv */
/* Explanations of differences: shown with their records' numbers, while their checks hold. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze/explain.h"
#include "util/log.h"

static const char record[] =
"{\"schema\":\"exitlab-record/1\",\"complete\":true,\"backend\":\"emulated\",\"time_base\":\"b\","
"\"scenario\":{\"name\":\"s\",\"title\":\"T\",\"sha256\":\"00\"},\"machine\":{\"cpus\":3},"
"\"point\":{\"id\":\"p,n=1\",\"configuration\":{\"name\":\"c\",\"title\":\"X\",\"net\":\"vf\"},"
"\"parameters\":{},\"repeat\":1,\"mode\":\"counts\"},"
"\"windows\":[{\"workload\":\"rr\",\"tool\":\"rr\",\"unit\":\"request\",\"work\":4,\"duration_ns\":1000000,"
"\"tracer\":{\"schema\":\"exitlab-stat/1\",\"ledger\":{\"map_full\":0,\"recursion_missed\":0},"
"\"vms\":[{\"vm\":\"g\",\"vcpus\":[{\"vcpu\":0,\"entries\":1,\"exits\":8,\"guest_ns\":0,\"handling_ns\":5000,"
"\"reasons\":[{\"isa\":\"svm\",\"reason\":120,\"name\":\"HLT\",\"count\":8,\"timed\":0}]}]}]},"
"\"counters\":{\"eli\":[{\"resent\":7}]}}]}";

/* What comes of an explanation with this check and this text: 0 and *out, or an error. */
static int explained(const char *check, const char *text, struct explanations *x, bool with)
{
	char path[] = "/tmp/test-explain-XXXXXX";
	struct records rs = { 0 };
	FILE *f = fdopen(mkstemp(path), "w");
	int ret;

	assert_non_null(f);
	fprintf(f, "explanations:\n  - { id: e, items: [i], claims: [A, B], checks: [\"%s\"], text: [\"%s\"] }\n",
		check, text);
	fclose(f);
	if (with)
		assert_int_equal(records_add_text(&rs, "r.json", record, strlen(record), stderr), 0);
	assert_int_equal(explain_load(path, stderr, x), 0);
	ret = explain_evaluate(x, &rs, NULL, 0);
	records_free(&rs);
	unlink(path);
	return ret;
}

static void test_shown(void **state)
{
	static const struct { const char *check, *text, *shown, *counters; } t[] = {
		{ "1 < 2", "a {window('s/p,n=1', 'rr', 'exits') / window('s/p,n=1', 'rr', 'work')} b", "a 2 b\n",
		  "s/p,n=1, rr: exits = 8; s/p,n=1, rr: work = 4" },
		{ "2 >= 2", "{field('s/p,n=1', 'rr', 'counters.eli.0.resent')}", "7\n",
		  "s/p,n=1, rr: counters.eli.0.resent = 7" },
		{ "1 <= 1", "{field('s/p,n=1', '', 'machine.cpus')}", "3\n", "s/p,n=1: machine.cpus = 3" },
		{ "2 > 1", "{1000000 * window('s/p,n=1', 'rr', 'handling_seconds')} {12345.6}", "5 12346\n",
		  "s/p,n=1, rr: handling_seconds = 5e-06" },
		/* Looked up in a check, too, and noted once. */
		{ "window('s/p,n=1', 'rr', 'exits') > 1", "{window('s/p,n=1', 'rr', 'exits')}", "8\n",
		  "s/p,n=1, rr: exits = 8" },
	};
	struct explanations x;
	char buf[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(explained(t[i].check, t[i].text, &x, true), 0);
		assert_true(x.list[0].holds);
		assert_string_equal(x.list[0].shown, t[i].shown);
		assert_string_equal(x.list[0].counters, t[i].counters);
		assert_string_equal(explain_names(&x, "B", true, buf, sizeof(buf)), "e");
		assert_string_equal(explain_names(&x, "C", true, buf, sizeof(buf)), "not explained yet");
		assert_string_equal(explain_names(&x, "B", false, buf, sizeof(buf)), "");
		explain_free(&x);
	}
}

static void test_withdrawn(void **state)
{
	static const struct { const char *check, *text, *why; bool with; } t[] = {
		{ "window('s/p,n=1', 'rr', 'exits') < 8", "a", "this is not so: window('s/p,n=1', 'rr', 'exits') < 8 (8, 8)", true },
		{ "1 >= 2", "a", "this is not so", true },
		{ "1 < 2", "{window('s/p,n=1', 'rr', 'exits')}", "no record s/p,n=1", false },
		{ "1 < 2", "{window('s/q', 'rr', 'exits')}", "no record s/q", true },
		{ "1 < 2", "{window('s/p,n=1', 'idle', 'exits')}", "no window of workload idle", true },
		{ "1 < 2", "{field('s/p,n=1', 'rr', 'counters.eli.1.resent')}", "no number counters.eli.1.resent", true },
		{ "1 < 2", "{printed('t', 'c', 'x', 'm')}", "no value c, x, m is printed", true },
		{ "1 < 2", "{1 / 0}", "nothing to divide by", true },
	};
	struct explanations x;
	char buf[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(explained(t[i].check, t[i].text, &x, t[i].with), 0);
		assert_false(x.list[0].holds);
		if (!strstr(x.list[0].why, t[i].why))
			print_error("%s\n", x.list[0].why);
		assert_non_null(strstr(x.list[0].why, t[i].why));
		assert_string_equal(explain_names(&x, "A", true, buf, sizeof(buf)), "not explained yet");
		explain_free(&x);
	}
}

static void test_mistakes(void **state)
{
	static const struct { const char *check, *text; } t[] = {
		{ "1 = 2", "a" }, { "f('a<b') ", "a" }, { "windw('s/p,n=1', 'rr', 'exits') < 1", "a" },
		{ "1 < 2", "{window('s/p,n=1', 'rr')}" }, { "1 < 2", "a {1" }, { "1 < 2", "{1 +}" },
	};
	static const struct { const char *text, *said; } bad[] = {
		{ "a: 1\n", "explanations: missing" },
		{ "explanations:\n  - { items: [i], checks: [c], text: [t] }\n", ":2: id: missing" },
		{ "explanations:\n  - { id: e, items: [i], checks: [], text: [t] }\n", ":2: items, checks, text" },
		{ "explanations:\n  - { id: e, items: [i], checks: [c], text: t }\n", ":2: items, checks, text" },
		{ "explanations:\n  - { id: e, items: [i], checks: [c], text: [t], claim: [A] }\n", "claim: unknown key" },
	};
	struct explanations x;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(explained(t[i].check, t[i].text, &x, true), -EINVAL);
		explain_free(&x);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char path[] = "/tmp/test-explain-XXXXXX", *said;
		FILE *f = fdopen(mkstemp(path), "w"), *err = open_memstream(&said, &len);

		fputs(bad[i].text, f);
		fclose(f);
		assert_int_equal(explain_load(path, err, &x), -EINVAL);
		fclose(err);
		if (!strstr(said, bad[i].said))
			print_error("%s\n", said);
		assert_non_null(strstr(said, bad[i].said));
		free(said);
		unlink(path);
	}
	assert_int_equal(explain_load("/nonexistent.yaml", stderr, &x), 0);
	assert_int_equal(x.n, 0);
}

static int quiet(void **state)
{
	(void)state;
	log_threshold = LOG_ERROR - 1;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shown), cmocka_unit_test(test_withdrawn),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
