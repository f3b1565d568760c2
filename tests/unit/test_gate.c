// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/baseline.c analyze/baseline_read.c analyze/baseline_update.c analyze/baseline_write.c analyze/facts.c analyze/numbers.c analyze/record.c tracer/core/reason.c tracer/run/scenario_msg.c tracer/run/yaml.c analyze/gate.c analyze/gate_json.c analyze/gate_judge.c analyze/gate_junit.c analyze/gate_text.c analyze/welch.c -lgsl -lgslcblas */
/* The gate: each verdict, each method, what is said of it, and the statistics. */
#include "unit.h"

#include <errno.h>
#include <math.h>

#include "analyze/gate.h"
#include "analyze/gate_out.h"
#include "analyze/welch.h"
#include "gate_record.h"

#define DEFAULTS { .min_effect = -1, .confidence = GATE_CONFIDENCE }

/* Both sides' runs; a run without an id ends a side. */
struct sides {
	struct run old[8], new[8];
	struct gate_options o;
};

static size_t count(const struct run *runs)
{
	size_t n = 0;

	while (n < 8 && runs[n].id)
		n++;
	return n;
}

/* What the gate says; its text in *@text, to be freed. */
static int gate(const struct sides *s, struct gate *g, char **text)
{
	json_t *old = NULL, *new = NULL;
	size_t len;
	FILE *out = open_memstream(text, &len);
	int rc;

	assert_int_equal(runs_baseline(s->old, count(s->old), stderr, &old), 0);
	assert_int_equal(runs_baseline(s->new, count(s->new), stderr, &new), 0);
	rc = gate_compare(old, new, &s->o, out, g);
	if (!rc)
		gate_text(out, g);
	fclose(out);
	json_decref(old);
	json_decref(new);
	return rc;
}

static void expect(struct sides s, enum gate_verdict verdict, const char *wanted)
{
	struct gate g;
	char *text;

	assert_int_equal(gate(&s, &g, &text), 0);
	if (!strstr(text, wanted))
		assert_string_equal(text, wanted);
	assert_int_equal(g.verdict, verdict);
	gate_free(&g);
	free(text);
}

static void test_pass(void **state)
{
	(void)state;
	expect((struct sides){ { RUN() }, { RUN() }, DEFAULTS }, GATE_PASS,
	       "pass: vf/rr: 1.600 exits per request\n"
	       "  compared: same testbed, counts must be equal\n"
	       "t: pass: 1 passed\n");
}

/* One exit more in all: no tolerance, and what the sides differ in. */
static void test_exact(void **state)
{
	struct sides s = { { RUN() }, { RUN(.eoi = 101, .pv_eoi = "true", .halt_poll = "7") },
			   DEFAULTS };

	(void)state;
	expect(s, GATE_REGRESSION,
	       "regression: vf/rr: 1.600 -> 1.610 exits per request\n"
	       "  exits: 1.600 -> 1.610 per request (+0.01, +0.625 %)\n"
	       "  EOI exits: 1.000 -> 1.010 per request (+0.01, +1 %)\n"
	       "  MSR EOI exits: 1.000 -> 1.010 per request (+0.01, +1 %)\n");
}

static void test_text(void **state)
{
	struct sides s = { { RUN(.eoi = 1) },
			   { RUN(.eoi = 200, .pv_eoi = "true", .halt_poll = "7") }, DEFAULTS };

	(void)state;
	expect(s, GATE_REGRESSION,
	       "regression: vf/rr: 0.610 -> 2.600 exits per request\n"
	       "  exits: 0.610 -> 2.600 per request (+1.990, +326 %)\n"
	       "  EOI exits: 0.01 -> 2.000 per request (+1.990, +1.99e+04 %)\n"
	       "  MSR EOI exits: 0.01 -> 2.000 per request (+1.990, +1.99e+04 %)\n"
	       "  not judged: host state reloads (the record has no\n"
	       "      counters.kvm.host_state_reload)\n"
	       "  not judged: injected interrupts (the record has no\n"
	       "      counters.kvm.irq_injections)\n"
	       "  not judged: NIC interrupts (the record has no counters.guest.nic_interrupts)\n"
	       "  not judged: replies (no vhost here)\n"
	       "  compared: same testbed, counts must be equal\n"
	       "The baseline and the records differ in:\n"
	       "  vf: machine.kvm.halt_poll_ns: 0 -> 7\n"
	       "  vf: point.guests.pv_eoi: false -> true\n"
	       "t: regression: 0 passed, 1 regression\n");
}

static void test_verdicts(void **state)
{
	(void)state;
	/* A signal alone: kicks that were suppressed before. */
	expect((struct sides){ { RUN() }, { RUN(.signals = "{\"kicks\":41,\"replies\":null}") },
			       DEFAULTS }, GATE_REGRESSION,
	       "  kicks: 0.400 -> 0.410 per request (+0.01, +2.5 %)\n");
	expect((struct sides){ { RUN() }, { RUN(.irqs = "119") }, DEFAULTS }, GATE_IMPROVEMENT,
	       "  guest interrupts: 1.200 -> 1.190 per request (-0.01, -0.833 %)\n");
	/* As many, for other reasons. */
	expect((struct sides){ { RUN() }, { RUN(.hlt = 49, .npf = 11) }, DEFAULTS },
	       GATE_REGRESSION,
	       "regression: vf/rr: 1.600 exits per request; as many exits, but for other\n"
	       "    reasons\n");
	/* One reason rose, but the total fell. */
	expect((struct sides){ { RUN() }, { RUN(.hlt = 30, .npf = 11) }, DEFAULTS },
	       GATE_IMPROVEMENT, "t: improvement: 0 passed, 1 improvement\n");
	/* Fewer requests were done than were asked for. */
	expect((struct sides){ { RUN() }, { RUN(.work = "99") }, DEFAULTS }, GATE_REGRESSION,
	       "; other work with the same\n    settings: 100 -> 99\n");
	/* What was counted and is no longer cannot pass. */
	expect((struct sides){ { RUN() }, { RUN(.signals = "{\"kicks\":null}") }, DEFAULTS },
	       GATE_UNDECIDED, "  kicks: 0.400 -> n/a per request: not counted now: the record has no\n"
	       "      counters.signals.kicks\n");
	/* What is counted now and was not before is no reason to fail. */
	expect((struct sides){ { RUN(.signals = "{}") }, { RUN() }, DEFAULTS }, GATE_PASS, "");
	expect((struct sides){ { RUN() }, { RUN(.unit = "MB") }, DEFAULTS }, GATE_UNUSABLE,
	       "unusable: vf/rr: work is in MB now, and in request in the baseline\n");
}

/* Another testbed: from 10 % of the total on. */
static void test_effect(void **state)
{
	struct run more = RUN(.testbed = "bb", .npf = 26), less = RUN(.testbed = "bb", .npf = 25);

	(void)state;
	expect((struct sides){ { RUN() }, { less }, DEFAULTS }, GATE_PASS,
	       "  compared: rebuilt or set otherwise, differences from 10 % count\n");
	expect((struct sides){ { RUN() }, { more }, DEFAULTS }, GATE_REGRESSION,
	       "  testbed: aa -> bb\n");
	expect((struct sides){ { RUN() }, { less }, { .min_effect = 2 } }, GATE_REGRESSION, "");
	expect((struct sides){ { RUN() }, { less }, { .min_effect = -1, .exact = true } },
	       GATE_REGRESSION, "counts must be equal");
	/* A tolerance can be asked for on the same testbed too. */
	expect((struct sides){ { RUN() }, { RUN(.npf = 11) }, { .min_effect = 1 } }, GATE_PASS,
	       "differences from 1 % count");
	/* Half as many requests asked for: per request, it is the same. */
	expect((struct sides){ { RUN() }, { RUN(.work = "50", .requests = "50", .eoi = 50,
	       .hlt = 25, .npf = 5, .irqs = "60", .signals = "{\"kicks\":20}") }, DEFAULTS },
	       GATE_PASS, "differences from 10 % count");
	/* A signal by its own size or that of all exits, 1.6 per request. */
	expect((struct sides){ { RUN() }, { RUN(.testbed = "bb", .irqs = "135") }, DEFAULTS },
	       GATE_PASS, "");
	expect((struct sides){ { RUN() }, { RUN(.testbed = "bb", .irqs = "137") }, DEFAULTS },
	       GATE_REGRESSION, "  guest interrupts: 1.200 -> 1.370 per request (+0.170, +14.2 %)\n");
	expect((struct sides){ { RUN(.irqs = "0") }, { RUN(.testbed = "bb", .irqs = "15") },
	       { .min_effect = 10 } }, GATE_PASS, "");
	expect((struct sides){ { RUN(.irqs = "0") }, { RUN(.testbed = "bb", .irqs = "17") },
	       { .min_effect = 10 } }, GATE_REGRESSION, "  guest interrupts: 0 -> 0.170 per request (+0.170)\n");
}

#define R(n, ...) RUN(.id = n > 1 ? "vf#" #n : "vf", .repeat = n, ##__VA_ARGS__)
#define HOST(n, e) R(n, .backend = "host", .mode = "x", .eoi = e)

static void test_repeats(void **state)
{
	struct run three[8] = { RUN(), R(2), R(3) };
	struct sides s = { .new = { RUN() }, .o = DEFAULTS };

	(void)state;
	/* Three that are the same count as one. */
	memcpy(s.old, three, sizeof(three));
	expect(s, GATE_PASS, "counts must be equal");
	/* Three that are not, against three: each with its own. */
	s.old[1].eoi = 102;
	memcpy(s.new, s.old, sizeof(s.new));
	expect(s, GATE_PASS, "counts must be equal");
	s.new[1].eoi = 101;
	expect(s, GATE_IMPROVEMENT, "");
	/* ... and against one: that is no comparison of equals. */
	s.new[1].id = NULL;
	expect(s, GATE_UNDECIDED, "; 1 repeat against 3 in the\n    baseline, at least 3 on each side are needed\n  not judged");
}

static void test_statistics(void **state)
{
	struct sides s = { { HOST(1, 1000), HOST(2, 1001), HOST(3, 999), HOST(4, 1000) },
			   { HOST(1, 1001), HOST(2, 1000), HOST(3, 1000), HOST(4, 999) },
			   DEFAULTS };

	(void)state;
	/* 7 numbers are judged: each interval is at 100 - 1 / 7 %. */
	expect(s, GATE_PASS, "  compared: Welch's interval at 99.86 % each, differences from 2 % count\n");
	s.new[0].eoi = s.new[2].eoi = 1100;
	s.new[1].eoi = s.new[3].eoi = 1101;
	expect(s, GATE_REGRESSION, "  exits: 10.60 -> 11.61 per request (+1.005, +9.48 %, interval 0.975 to 1.035)\n");
	s.new[0].eoi = s.new[2].eoi = 900;
	s.new[1].eoi = s.new[3].eoi = 901;
	expect(s, GATE_IMPROVEMENT, "");
	/* Scattered around the smallest effect. */
	s.new[0].eoi = 1030;
	s.new[1].eoi = 1060;
	s.new[2].eoi = s.new[3].eoi = 1055;
	expect(s, GATE_UNDECIDED, "repeats on each side would decide\n");
	s.new[2].id = NULL;
	expect(s, GATE_UNDECIDED, "2 repeats against");
	/* Without any variance the difference is what it is. */
	s = (struct sides){ { HOST(1, 1000), HOST(2, 1000), HOST(3, 1000) },
			    { HOST(1, 1050), HOST(2, 1050), HOST(3, 1050) }, DEFAULTS };
	expect(s, GATE_REGRESSION, "interval 0.500 to 0.500");
	s.o.min_effect = 10;
	expect(s, GATE_PASS, "differences from 10 % count");
}

static void refused(struct sides s, const char *wanted)
{
	struct gate g;
	char *text;

	assert_int_equal(gate(&s, &g, &text), -EINVAL);
	assert_string_equal(text, wanted);
	gate_free(&g);
	free(text);
}

static void test_not_alike(void **state)
{
	struct sides s = { { RUN() }, { RUN(.scenario = "u") }, DEFAULTS };

	(void)state;
	refused(s, "a.json: scenario.name: u, but the baseline is of t; give its records, or --any-scenario\n");
	s.o.any_scenario = true;
	expect(s, GATE_PASS, "u: pass");
	refused((struct sides){ { RUN() }, { RUN(.mode = "timed") }, DEFAULTS },
		"a.json: mode: timed, but counts in the baseline; their counts are not of the same kind\n");
	refused((struct sides){ { RUN() }, { RUN(.backend = "host") }, DEFAULTS },
		"a.json: backend: host, but emulated in the baseline; their counts are not of the same kind\n");
	refused((struct sides){ { RUN() }, { RUN() }, { .only = "x" } },
		"a.json: points: none is named x (--only)\n");
}

static void test_missing(void **state)
{
	struct sides s = { { RUN(.id = "a"), RUN(.id = "b") }, { RUN(.id = "a"), RUN(.id = "c") },
			   DEFAULTS };

	(void)state;
	expect(s, GATE_UNUSABLE, "missing: b/rr: no record has it; --partial does without\n"
	       "ignored: c/rr: not in the baseline; exitlab baseline --update adds it\n");
	s.o.partial = true;
	expect(s, GATE_PASS, "t: pass: 1 passed, 1 missing\n");
	s.o.partial = false;
	s.o.only = "a";
	expect(s, GATE_PASS, "t: pass: 1 passed\n");
	s.o.only = "b";
	expect(s, GATE_UNUSABLE, "t: unusable: 0 passed, 1 missing\n");
	/* Nothing compared is nothing passed. */
	s.o.partial = true;
	expect(s, GATE_UNUSABLE, "t: unusable: 0 passed, 1 missing\n");
	/* A regression weighs more than what is missing. */
	s = (struct sides){ { RUN(.id = "a"), RUN(.id = "b") }, { RUN(.id = "a", .hlt = 60) },
			    DEFAULTS };
	expect(s, GATE_REGRESSION, "");
}

static void test_narrow(void **state)
{
	struct sides s = { { RUN(.id = "a-name-that-is-as-long-as-names-can-be-and-goes-on-and-on-and-on-and-on") },
			   { RUN(.id = "a-name-that-is-as-long-as-names-can-be-and-goes-on-and-on-and-on-and-on",
				 .eoi = 7, .npf = 200, .kernel = "6.13.0-a-kernel-with-a-long-name-too-of-60-characters-or-so") },
			   DEFAULTS };
	struct gate g;
	char *text, *line, *rest;

	(void)state;
	assert_int_equal(gate(&s, &g, &text), 0);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		assert_true(strlen(line) < 80);
	gate_free(&g);
	free(text);
}

/* An XML parser of others has to take it, and to find the counts. */
static void test_junit(void **state)
{
	struct sides s = { { RUN(.id = "a<&\\\"]]>\\u0001\\ufffe\\u00e9"), RUN(.id = "b"), RUN(.id = "d") },
			   { RUN(.id = "a<&\\\"]]>\\u0001\\ufffe\\u00e9", .eoi = 101, .kernel = "]]>\\u001b<x>"),
			     RUN(.id = "b", .unit = "MB", .kernel = "]]>\\u001b<x>") },
			   DEFAULTS };
	struct gate g;
	char *text;
	FILE *f;

	(void)state;
	assert_int_equal(gate(&s, &g, &text), 0);
	free(text);
	f = popen("python3 -c \"import sys, xml.dom.minidom as m\n"
		  "s = m.parse(sys.stdin.buffer).getElementsByTagName('testsuite')[0]\n"
		  "n = lambda t: len(s.getElementsByTagName(t))\n"
		  "assert [s.getAttribute(a) for a in ('tests', 'failures', 'errors')] == ['3', '1', '2']\n"
		  "assert (n('testcase'), n('failure'), n('error')) == (3, 1, 2)\n"
		  "c = s.getElementsByTagName('testcase')[0]\n"
		  "assert c.getAttribute('name') == 'a<&\\\"]]>??\\u00e9/rr', c.getAttribute('name')\n"
		  "assert 'MSR EOI exits: 1.000 -> 1.010' in c.firstChild.nextSibling.firstChild.data\n\"", "w");
	assert_non_null(f);
	gate_junit(f, &g, false);
	assert_int_equal(pclose(f), 0);
	f = popen("python3 -c \"import sys, xml.dom.minidom as m; m.parse(sys.stdin.buffer)\"", "w");
	gate_junit_unusable(f, "<n>", "a & \"b\" \x01 \xff");
	assert_int_equal(pclose(f), 0);
	gate_free(&g);
}

static void test_json(void **state)
{
	struct sides s = { { RUN() }, { RUN(.eoi = 150) }, DEFAULTS };
	const char *verdict, *key, *move;
	double step, old;
	struct gate g;
	char *text;
	json_t *j;

	(void)state;
	assert_int_equal(gate(&s, &g, &text), 0);
	free(text);
	j = gate_json(&g, 1);
	assert_int_equal(json_unpack(j, "{s:s, s:[{s:[{}, {}, {}, {s:s, s:s, s:f, s:{s:f}}]}]}",
				     "verdict", &verdict, "workloads", "numbers", "key", &key,
				     "move", &move, "difference_per_unit", &step, "baseline",
				     "per_unit", &old), 0);
	assert_string_equal(verdict, "regression");
	assert_string_equal(key, "exits.svm.MSR.EOI");
	assert_string_equal(move, "up");
	assert_true(step == 0.5 && old == 1);
	json_decref(j);
	gate_free(&g);
}

/*
 * Intervals computed once in Python by Simpson's rule on the density of t, without GSL; that
 * program gave the printed table's 2.2281 for t(0.975; 10) and 4.6041 for t(0.995; 4).
 */
static void test_welch(void **state)
{
	static const double a[] = { 2.0, 2.1, 1.9, 2.05 }, b[] = { 2.5, 2.4, 2.7 };
	static const double c[] = { 10, 12, 9, 11, 13 }, d[] = { 20, 20, 20 };
	struct welch w;

	(void)state;
	assert_true(welch_interval(a, 4, b, 3, 0.99, &w));
	assert_true(fabs(w.df - 2.939707960) < 1e-8);
	assert_true(fabs(w.low + 0.063271085) < 1e-7 && fabs(w.high - 1.104937751) < 1e-7);
	/* One side does not vary. */
	assert_true(welch_interval(c, 5, d, 3, 0.95, &w));
	assert_true(fabs(w.df - 4) < 1e-9);
	assert_true(fabs(w.low - 7.036756839) < 1e-7 && fabs(w.high - 10.963243161) < 1e-7);
	assert_true(welch_interval(d, 3, d, 3, 0.95, &w));
	assert_true(w.low == 0 && w.high == 0 && w.df == 0);
	assert_false(welch_interval(a, 1, b, 3, 0.95, &w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pass), cmocka_unit_test(test_exact),
		cmocka_unit_test(test_text), cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_effect), cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_statistics), cmocka_unit_test(test_not_alike),
		cmocka_unit_test(test_missing), cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_junit), cmocka_unit_test(test_json),
		cmocka_unit_test(test_welch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
