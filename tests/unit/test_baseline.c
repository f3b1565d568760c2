// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/baseline.c analyze/baseline_read.c analyze/baseline_update.c analyze/baseline_write.c analyze/facts.c analyze/numbers.c analyze/record.c tracer/core/reason.c tracer/run/scenario_msg.c tracer/run/yaml.c */
/* Baselines: their bytes, reading them back, which records and files are refused, updates. */
#include "unit.h"

#include <errno.h>

#include "analyze/facts.h"
#include "gate_record.h"

static json_t *made(const struct run *runs, size_t n)
{
	json_t *b = NULL;

	assert_int_equal(runs_baseline(runs, n, stderr, &b), 0);
	return b;
}

static const char wanted_text[] =
"# Exit counts that `exitlab check` compares with, written by `exitlab baseline`; see\n"
"# exitlab-baseline(5). The rate after a number is for people and is not read.\n"
"schema: exitlab-baseline/1\n"
"scenario: t\n"
"common:\n"
"  backend: emulated\n"
"  kernel: 6.12\n"
"  mode: counts\n"
"  testbed: aa\n"
"  time_base: counted\n"
"modules:\n"
"  kvm: { halt_poll_ns: 0, tdp_mmu: Y }\n"
"points:\n"
"  a:\n"
"    machine:\n"
"      cpus: 2\n"
"    settings:\n"
"      configuration: { name: c, net: vf }\n"
"      guests: { pv_eoi: false }\n"
"    workloads:\n"
"      rr:\n"
"        settings:\n"
"          requests: 100\n"
"          tool: rr\n"
"        unit: request\n"
"        work: [100, 100]\n"
"        numbers:\n"
"          exits: [160, 151]  # 1.555 per request\n"
"          exits.svm.HLT: [50, 50]  # 0.500 per request\n"
"          exits.svm.MSR.EOI: [100, 101]  # 1.005 per request\n"
"          exits.svm.NPF: [10, 0]  # 0.05 per request\n"
"          guest_interrupts: [120, 120]  # 1.200 per request\n"
"          nic_interrupts: \"n/a: the record has no counters.guest.nic_interrupts\"\n"
"          injections: \"n/a: the record has no counters.kvm.irq_injections\"\n"
"          eoi_exits: [100, 101]  # 1.005 per request\n"
"          kicks: [40, 40]  # 0.400 per request\n"
"          replies: \"n/a: no vhost here\"\n"
"  b:\n"
"    machine:\n"
"      cpus: 2\n"
"      kvm: { halt_poll_ns: 200000 }\n"
"    settings:\n"
"      configuration: { name: c, net: vf }\n"
"      guests: { pv_eoi: false }\n"
"    workloads:\n"
"      rr:\n"
"        settings:\n"
"          requests: 100\n"
"          tool: rr\n"
"        unit: request\n"
"        work: 2.5\n"
"        numbers:\n"
"          exits: 160  # 64.00 per request\n"
"          exits.svm.HLT: 50  # 20.00 per request\n"
"          exits.svm.MSR.EOI: 100  # 40.00 per request\n"
"          exits.svm.NPF: 10  # 4.000 per request\n"
"          guest_interrupts: 120  # 48.00 per request\n"
"          nic_interrupts: \"n/a: the record has no counters.guest.nic_interrupts\"\n"
"          injections: \"n/a: the record has no counters.kvm.irq_injections\"\n"
"          eoi_exits: 100  # 40.00 per request\n"
"          kicks: 40  # 16.00 per request\n"
"          replies: \"n/a: no vhost here\"\n"
"complete: true\n";

/* The bytes, whatever the order of the records; and they are read back as what they were. */
static void test_text(void **state)
{
	struct run ab[] = { RUN(.id = "a"), RUN(.id = "a#2", .repeat = 2, .npf = 0, .eoi = 101),
			    RUN(.id = "b", .halt_poll = "200000", .work = "2.5") };
	struct run ba[] = { ab[2], ab[1], ab[0] };
	json_t *one = made(ab, 3), *two = made(ba, 3), *again;
	char *text = baseline_text(one), *other = baseline_text(two);

	(void)state;
	assert_string_equal(text, wanted_text);
	assert_string_equal(other, wanted_text);
	assert_int_equal(baseline_read("a.json", text, strlen(text), stderr, &again), 0);
	free(text);
	text = baseline_text(again);
	assert_string_equal(text, wanted_text);
	free(text);
	free(other);
	json_decref(one);
	json_decref(two);
	json_decref(again);
}

/* Texts of any kind come back as they were. */
static void test_odd_texts(void **state)
{
	struct run r = RUN(.id = "p: {x} #1 \\u00e9\\ud83d\\ude00\\t", .kernel = "null",
			   .halt_poll = "\\\"a\\\\b\\u007f\\u2028", .workload = "- *a &b !c");
	json_t *b = made(&r, 1), *again;
	char *text = baseline_text(b);

	(void)state;
	assert_int_equal(baseline_read("a.json", text, strlen(text), stderr, &again), 0);
	assert_true(json_equal(b, again));
	free(text);
	json_decref(b);
	json_decref(again);
}

static void refused(struct run a, struct run b, const char *wanted)
{
	struct run runs[] = { a, b };
	char *said;
	size_t len;
	FILE *err = open_memstream(&said, &len);
	json_t *out;

	assert_int_equal(runs_baseline(runs, 2, err, &out), -EINVAL);
	fclose(err);
	assert_string_equal(said, wanted);
	free(said);
}

#define ALIKE "; a baseline is of records that agree in it\n"

static void test_records_refused(void **state)
{
	struct run a = RUN(), c = RUN(.id = "x");

	(void)state;
	c.testbed = "bb";
	refused(a, c, "b.json: testbed: bb here, but aa in a.json" ALIKE);
	c = RUN(.id = "x", .kernel = "6.13");
	refused(a, c, "b.json: kernel: 6.13 here, but 6.12 in a.json" ALIKE);
	c = RUN(.id = "x", .mode = "fast");
	refused(a, c, "b.json: mode: fast here, but counts in a.json" ALIKE);
	c = RUN(.id = "x", .backend = "host");
	refused(a, c, "b.json: backend: host here, but emulated in a.json" ALIKE);
	c = RUN(.scenario = "u");
	refused(a, c, "b.json: scenario.name: u here, but t in a.json; give records of one scenario\n");
	c = RUN(.id = "vf#2", .repeat = 2, .pv_eoi = "true");
	refused(a, c, "b.json: point.guests.pv_eoi: true here, but false in a.json" ALIKE);
	c = RUN(.id = "vf#2", .repeat = 2, .halt_poll = "9");
	refused(a, c, "b.json: machine.kvm.halt_poll_ns: 9 here, but 0 in a.json" ALIKE);
	c = RUN(.id = "vf#2", .repeat = 2, .requests = "200");
	refused(a, c, "b.json: point.workloads.requests: 200 here, but 100 in a.json" ALIKE);
	c = RUN(.id = "vf#2", .repeat = 2, .unit = "MB");
	refused(a, c, "b.json: workload rr: the unit of work is not that of another repeat of the point\n");
	c = RUN(.id = "vf#2", .repeat = 2, .workload = "x");
	refused(a, c, "b.json: workload x: another repeat of the point has no such workload\n");
	refused(a, a, "b.json: point.repeat: 1 is in a.json already; give each repeat of a point once\n");
	c = RUN(.id = "x", .work = "0");
	refused(a, c, "b.json: workload rr: no work was done, so there is nothing to count exits per\n");
	c = RUN(.id = "x", .lost = "4");
	refused(a, c, "b.json: workload rr: tracer.ledger.map_full: the tracer lost 4 events; its counts are too low\n");
	c = RUN(.id = "x", .difference = "-1");
	refused(a, c, "b.json: workload rr: checks[0].difference: -1; a cross check that failed is nothing to judge by\n");
	c = RUN(.id = "");
	refused(a, c, "b.json: point.id: empty, or longer than 199 bytes\n");
	c = RUN(.id = "x", .lost = "-4");
	refused(a, c, "b.json: windows[0].tracer.ledger.map_full: wrong type or range; needed is a whole number from 0\n");
}

/* Replaces @from in the text above and expects one line. */
static void bad_file(const char *from, const char *to, const char *wanted)
{
	char *at = strstr(wanted_text, from), *text, *said;
	size_t len;
	FILE *err = open_memstream(&said, &len);
	json_t *out;

	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - wanted_text), wanted_text, to,
			     at + strlen(from)) > 0);
	assert_int_equal(baseline_read("f", text, strlen(text), err, &out), -EINVAL);
	fclose(err);
	assert_string_equal(said, wanted);
	free(said);
	free(text);
}

static void test_file_refused(void **state)
{
	(void)state;
	bad_file("baseline/1", "baseline/2",
		 "f:3: schema: unknown version; this program reads exitlab-baseline/1, so use a newer one\n");
	bad_file("exitlab-baseline/1", "x",
		 "f:3: schema: not exitlab-baseline/1; this is no baseline, write one with exitlab baseline\n");
	bad_file("scenario: t\n", "", "f:1: scenario: missing; write the file with exitlab baseline\n");
	bad_file("  backend: emulated\n", "",
		 "f:6: backend: missing; write the file with exitlab baseline\n");
	bad_file("points:\n", "colour: red\npoints:\n",
		 "f:13: colour: not a field of a baseline; see exitlab-baseline(5)\n");
	bad_file("[160, 151]", "[160, -1]", "f:28: exits: not a whole number from 0\n");
	bad_file("[160, 151]", "[160, 1.5]", "f:28: exits: not a whole number from 0\n");
	bad_file("[160, 151]", "[160, \"151\"]", "f:28: exits: not a whole number from 0\n");
	bad_file("[160, 151]", "[160, 0151]", "f:28: exits: a number with a leading 0; write it without\n");
	bad_file("[160, 151]", "[160, 9223372036854775808]", "f:28: exits: larger than 2^63 - 1\n");
	bad_file("[160, 151]", "{ a: 1 }",
		 "f:28: exits: a mapping; a number, or a list of numbers, is needed\n");
	bad_file("[160, 151]", "160",
		 "f:28: exits: 1 values, but the workload's work has 2; one for each repeat is needed\n");
	bad_file("[160, 151]", "[]", "f:28: exits: an empty list; one value for each repeat is needed\n");
	bad_file("[160, 151]", "[160, 152]",
		 "f:28: numbers: exits is 152, but its reasons add up to 151; write the file anew\n");
	bad_file("exits: [160", "exists: [160",
		 "f:28: exists: no such number; see exitlab-baseline(5) for those there are\n");
	bad_file("exits.svm.NPF: [10", "exits.svm.0x78: [10",
		 "f:31: exits.svm.0x78: given twice, by its name and by its number\n");
	bad_file("exits.svm.NPF: [10", "exits.svm.HLT: [10",
		 "f:31: exits.svm.HLT: given twice; it is on line 29 already\n");
	bad_file("work: [100, 100]", "work: [100, 0]", "f:26: work: not a number above 0 and up to 1e18\n");
	bad_file("work: [100, 100]", "work: [100, -3]", "f:26: work: not a number above 0\n");
	bad_file("work: [100, 100]", "work: [100, 0x10]",
		 "f:26: work: not a number above 0 and up to 1e18\n");
	bad_file("        work: [100, 100]\n", "",
		 "f:21: work: missing; write the file with exitlab baseline\n");
	bad_file("complete: true\n", "",
		 "f:62: complete: not \"true\" as the last line; the file was cut, write it anew\n");
	bad_file("complete: true", "complete: tru",
		 "f:63: complete: not \"true\" as the last line; the file was cut, write it anew\n");
	bad_file("kvm: { halt_poll_ns: 0, tdp_mmu: Y }", "kvm: 1",
		 "f:12: kvm: not a mapping of parameters\n");
	bad_file("  kvm: {", "  vfio: {", "f:12: vfio: not one of kvm, kvm_amd and kvm_intel\n");
	bad_file("kernel: 6.12", "kernel: [6, 12]", "f:7: kernel: neither a text nor a mapping of texts\n");
	bad_file("kernel: 6.12", "ker.nel: 6.12", "f:7: ker.nel: a dot in a key, or an empty one\n");
}

/* A second window of the same name would hide behind the first. */
static void test_windows_twice(void **state)
{
	struct run r = RUN();
	char *text = run_text(&r), *again, *said;
	json_t *root = json_loads(text, 0, NULL), *windows = json_object_get(root, "windows");
	struct records rs = { 0 };
	size_t len;
	FILE *err = open_memstream(&said, &len);

	(void)state;
	json_array_append(windows, json_array_get(windows, 0));
	again = json_dumps(root, 0);
	assert_int_equal(records_add_text(&rs, "r.json", again, strlen(again), err), -EINVAL);
	fclose(err);
	assert_string_equal(said,
			    "r.json: windows[1].workload: given twice; a workload has one window\n");
	free(said);
	free(text);
	free(again);
	json_decref(root);
	records_free(&rs);
}

/* Cut anywhere, it is refused in one line. */
static void test_truncated(void **state)
{
	size_t whole = 0, i;

	(void)state;
	for (i = 0; i < strlen(wanted_text); i++) {
		char *said = NULL;
		size_t len;
		FILE *err = open_memstream(&said, &len);
		json_t *out = NULL;
		int rc = baseline_read("f", wanted_text, i, err, &out);

		fclose(err);
		if (!rc)
			whole++;
		else
			assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
		json_decref(out);
		free(said);
	}
	/* Without the last newline. */
	assert_int_equal(whole, 1);
}

static char *update(json_t *base, struct run r, int wanted_rc)
{
	json_t *fresh = NULL;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(runs_baseline(&r, 1, stderr, &fresh), 0);
	assert_int_equal(baseline_update(base, fresh, out, out), wanted_rc);
	fclose(out);
	json_decref(fresh);
	return text;
}

#define AGAIN "; measure that anew too, or begin with -o\n"

static void expect_update(struct run r, int rc, const char *wanted)
{
	struct run runs[] = { RUN(.id = "a"), RUN(.id = "b") };
	json_t *base = made(runs, 2), *before = json_deep_copy(base);
	char *said = update(base, r, rc);

	assert_string_equal(said, wanted);
	assert_int_equal(!rc, !json_equal(base, before) || !*wanted);
	free(said);
	json_decref(before);
	json_decref(base);
}

static void test_update(void **state)
{
	(void)state;
	expect_update(RUN(.id = "a", .eoi = 200), 0,
		      "a/rr: EOI exits: 1.000 -> 2.000 per request\n"
		      "a/rr: exits: 1.600 -> 2.600 per request\n"
		      "a/rr: MSR EOI exits: 1.000 -> 2.000 per request\n");
	expect_update(RUN(.id = "c"), 0, "c/rr: new\n");
	expect_update(RUN(.id = "a", .kernel = "6.13"), -EINVAL,
		      "a.json: kernel: 6.13, but 6.12 in a.json, and b stays" AGAIN);
	expect_update(RUN(.id = "a", .scenario = "u"), -EINVAL,
		      "a.json: scenario.name: u, but t in a.json; a baseline is of one scenario\n");
	expect_update(RUN(.id = "a", .workload = "x", .pv_eoi = "true"), -EINVAL,
		      "a.json: point.guests.pv_eoi: true, but false in a.json, and rr stays" AGAIN);
}

/* If nothing stays, anything may have changed. */
static void test_update_all(void **state)
{
	struct run r = RUN(.id = "a", .npf = 0);
	json_t *base = made(&r, 1);
	char *said = update(base, RUN(.id = "a", .kernel = "6.13", .pv_eoi = "true"), 0);

	(void)state;
	assert_string_equal(said, "a/rr: exits: 1.500 -> 1.600 per request\n"
			    "a/rr: NPF exits: 0 -> 0.100 per request\n");
	assert_string_equal(facts_text(json_object_get(base, "common"), "kernel"), "6.13");
	free(said);
	json_decref(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_odd_texts),
		cmocka_unit_test(test_records_refused),
		cmocka_unit_test(test_file_refused),
		cmocka_unit_test(test_windows_twice),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_update_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
