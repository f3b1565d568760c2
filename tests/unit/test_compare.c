// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/eli.c analyze/record.c analyze/table.c analyze/text.c analyze/export.c analyze/plotdata.c analyze/compare.c analyze/compare_labels.c analyze/compare_rows.c analyze/compare_fields.c analyze/compare_text.c analyze/compare_export.c analyze/compare_plot.c */
/* Which points are compared and which are told to have no counterpart; differences, repeats. */
#include "compare_sets.h"

#include <errno.h>

static void test_points_match(void **state)
{
	struct compare_set sets[2];
	struct compare c;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0], .id = "vf,x=2", .parameters = "{\"x\":2}");
	ADD(&sets[0], .id = "vf,x=1", .parameters = "{\"x\":1}");
	ADD(&sets[0], .id = "old", .config = "old");
	/* Of another scenario and with another id: configuration and parameters count. */
	ADD(&sets[1], .id = "p1", .scenario = "u", .parameters = "{\"x\":1}");
	ADD(&sets[1], .id = "p2", .scenario = "u", .parameters = "{\"x\":2}");
	ADD(&sets[1], .id = "new", .scenario = "u", .config = "new");
	build(sets, 2, &c);
	assert_int_equal(c.n, 2);
	assert_string_equal(c.list[0].point, "vf,x=1, p1");
	assert_string_equal(c.list[1].point, "vf,x=2, p2");
	assert_int_equal(c.nr_unmatched, 2);
	assert_string_equal(c.unmatched[0], "point old: not in B");
	assert_string_equal(c.unmatched[1], "point new: in B, not in A");
	/* The other name is said. */
	assert_string_equal(c.list[0].fields[0].path, "scenario.name");
	assert_string_equal(c.list[0].fields[0].from, "t");
	assert_string_equal(c.list[0].fields[0].to, "u");
	close_sets(sets, 2, &c);
}

static void test_scenarios_are_kept_apart(void **state)
{
	struct compare_set sets[2];
	struct compare c;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0], .scenario = "t", .eoi = 100);
	ADD(&sets[0], .scenario = "u", .eoi = 300);
	ADD(&sets[1], .scenario = "u", .eoi = 300);
	build(sets, 2, &c);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.list[0].table.cols[0].rec->scenario, "u");
	assert_int_equal(c.nr_unmatched, 1);
	close_sets(sets, 2, &c);
}

/* Two records: two configurations of one run may be compared. */
static void test_single_points(void **state)
{
	struct compare_set sets[2];
	struct compare c;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0], .id = "vhost", .config = "vhost");
	ADD(&sets[1], .id = "vf", .config = "vf");
	build(sets, 2, &c);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.list[0].point, "vhost, vf");
	assert_int_equal(c.nr_unmatched, 0);
	close_sets(sets, 2, &c);
}

static void test_workloads_that_do_not_match(void **state)
{
	struct compare_set sets[3];
	struct compare c;

	(void)state;
	open_sets(sets, 3);
	ADD(&sets[0], .unit = "request");
	ADD(&sets[1], .unit = "MB");
	ADD(&sets[2], .workload = "stream");
	build(sets, 3, &c);
	assert_int_equal(c.n, 0);
	assert_int_equal(c.nr_unmatched, 3);
	assert_string_equal(c.unmatched[0], "point vf, workload rr: not comparable, the unit of work "
			    "is request in A, MB in B");
	assert_string_equal(c.unmatched[1], "point vf, workload rr: not in C");
	assert_string_equal(c.unmatched[2], "point vf, workload stream: in C, not in A");
	close_sets(sets, 3, &c);
}

static void test_filters(void **state)
{
	static const struct compare_filter one = { .point = "vf,x=1" };
	static const struct compare_filter other = { .workload = "stream" };
	struct compare_set sets[2];
	struct compare c;
	int i;

	(void)state;
	open_sets(sets, 2);
	for (i = 0; i < 2; i++) {
		ADD(&sets[i], .id = "vf,x=1#1", .parameters = "{\"x\":1}");
		ADD(&sets[i], .id = "vf,x=1#2", .parameters = "{\"x\":1}", .repeat = 2);
		ADD(&sets[i], .id = "vf,x=10", .parameters = "{\"x\":10}");
	}
	assert_int_equal(compare_build(sets, 2, 0, &one, &c), 0);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.list[0].point, "vf,x=1");
	assert_int_equal(c.list[0].cols[1].n, 2);
	compare_free(&c);
	assert_int_equal(compare_build(sets, 2, 0, &other, &c), 0);
	assert_int_equal(c.n, 0);
	close_sets(sets, 2, &c);
}

static void test_differences(void **state)
{
	struct compare_set sets[2];
	const struct compare_row *row;
	const struct comparison *one;
	struct compare c;
	double v;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0], .eoi = 200, .hlt = 100, .work = 100,
	    .counters = "{\"guest\":{\"interrupts\":0},\"kvm\":{\"irq_injections\":210}}");
	ADD(&sets[1], .eoi = 50, .hlt = 100, .work = 50,
	    .counters = "{\"guest\":{\"interrupts\":25},\"signals\":{\"kicks\":5}}");
	build(sets, 2, &c);
	one = &c.list[0];
	row = row_of(one, "MSR EOI");
	assert_number(row->values[0].mean, 2);
	assert_number(row->values[1].mean, 1);
	assert_true(compare_difference(one, row, 1, &v));
	assert_number(v, -1);
	assert_true(compare_percent(one, row, 1, &v));
	assert_number(v, -50);
	/* From 0 there is a difference but no percentage. */
	row = row_of(one, "guest interrupts");
	assert_true(compare_difference(one, row, 1, &v));
	assert_number(v, 0.5);
	assert_false(compare_percent(one, row, 1, &v));
	/* What one side does not have is not 0. */
	row = row_of(one, "interrupts KVM injected");
	assert_true(row->values[0].has);
	assert_false(row->values[1].has);
	assert_false(compare_difference(one, row, 1, &v));
	assert_false(row_of(one, "kicks (doorbells)")->values[0].has);
	/* 1 ms of one vCPU: 400 us in the guest, 100 handling, 300 halted, 200 left. */
	assert_number(row_of(one, "in the guest")->values[0].mean, 4);
	assert_number(row_of(one, "handling exits")->values[0].mean, 1);
	assert_number(row_of(one, "halted (HLT)")->values[0].mean, 3);
	assert_number(row_of(one, "rest of the window")->values[0].mean, 2);
	close_sets(sets, 2, &c);
}

static void test_reference(void **state)
{
	static const struct compare_filter all;
	struct compare_set sets[3];
	const struct compare_row *row;
	struct compare c;
	double v;

	(void)state;
	open_sets(sets, 3);
	ADD(&sets[0], .eoi = 100);
	ADD(&sets[1], .eoi = 200);
	ADD(&sets[2], .eoi = 300);
	assert_int_equal(compare_build(sets, 3, 1, &all, &c), 0);
	row = row_of(&c.list[0], "MSR EOI");
	assert_true(compare_difference(&c.list[0], row, 0, &v));
	assert_number(v, -1);
	assert_true(compare_difference(&c.list[0], row, 2, &v));
	assert_number(v, 1);
	close_sets(sets, 3, &c);
}

static void test_no_work_no_number(void **state)
{
	struct compare_set sets[2];
	struct compare c;
	char *text;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0]);
	ADD(&sets[1], .work = -1);
	build(sets, 2, &c);
	assert_false(row_of(&c.list[0], "MSR EOI")->values[1].has);
	text = text_of(&c, 12);
	assert_non_null(strstr(text, "MSR EOI                           2.000          n/a          n/a"
				     "          n/a\n"));
	assert_non_null(strstr(text, "\nn/a: no work was done"));
	free(text);
	close_sets(sets, 2, &c);
}

/* A tracer that counts without timing has no times, rather than times of 0. */
static void test_no_times_no_number(void **state)
{
	struct compare_set sets[2];
	struct compare c;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0], .untimed = true);
	ADD(&sets[1]);
	build(sets, 2, &c);
	assert_false(row_of(&c.list[0], "handling exits")->values[0].has);
	assert_false(row_of(&c.list[0], "rest of the window")->values[0].has);
	assert_true(row_of(&c.list[0], "halted (HLT)")->values[0].has);
	assert_true(row_of(&c.list[0], "handling exits")->values[1].has);
	close_sets(sets, 2, &c);
}

static void test_repeats(void **state)
{
	struct compare_set sets[2];
	const struct compare_row *row;
	struct compare c;
	char *text;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0], .id = "vf#1", .eoi = 100);
	ADD(&sets[0], .id = "vf#2", .repeat = 2, .eoi = 200);
	ADD(&sets[0], .id = "vf#3", .repeat = 3, .eoi = 600);
	ADD(&sets[1], .id = "vf#1", .eoi = 300);
	ADD(&sets[1], .id = "vf#2", .repeat = 2, .eoi = 300);
	/* A copy of a repeat is not another repeat. */
	ADD(&sets[1], .id = "vf#2", .repeat = 2, .eoi = 900);
	build(sets, 2, &c);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.list[0].point, "vf");
	row = row_of(&c.list[0], "MSR EOI");
	assert_number(row->values[0].mean, 3);
	assert_number(row->values[0].min, 1);
	assert_number(row->values[0].max, 6);
	assert_number(row->values[1].mean, 3);
	assert_int_equal(c.nr_unmatched, 1);
	assert_non_null(strstr(c.unmatched[0], "has this point already"));
	text = text_of(&c, 12);
	assert_non_null(strstr(text, "MSR EOI                           3.000        3.000            ="
				     "            =\n"
				     "  min of repeats                  1.000"));
	assert_non_null(strstr(text, "  max of repeats                  6.000"));
	/* Not below a row where all are the same. */
	assert_null(strstr(strstr(text, "\nHLT ") + 1, "HLT \n  min"));
	free(text);
	close_sets(sets, 2, &c);
}

static void test_fields(void **state)
{
	struct compare_set sets[2];
	struct compare c;
	char *text;

	(void)state;
	open_sets(sets, 2);
	/* guest_boot_ns differs as well (it is made from eoi): measured, so not a setting. */
	ADD(&sets[0], .kernel = "6.12.117", .eoi = 1);
	ADD(&sets[1], .kernel = "6.1.0", .testbed = "k2", .guests = "{\"pv_eoi\":false,\"n\":{}}",
	    .eoi = 2);
	build(sets, 2, &c);
	assert_int_equal(c.list[0].exactness, COMPARE_OTHER_TESTBED);
	assert_int_equal(c.list[0].nr_fields, 4);
	text = text_of(&c, 12);
	assert_non_null(strstr(text, "B differs from A in:\n"
				     "  guests.pv_eoi: true -> false\n"
				     "  guests.n: (nothing) -> {}\n"
				     "  machine.kernel: 6.12.117 -> 6.1.0\n"
				     "  machine.testbed: k1 -> k2\n\n"));
	assert_non_null(strstr(text, "but not of the same testbed"));
	free(text);
	close_sets(sets, 2, &c);
}

static void test_exactness(void **state)
{
	struct compare_set sets[2];
	struct compare c;
	char *text;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0]);
	ADD(&sets[1]);
	build(sets, 2, &c);
	assert_int_equal(c.list[0].exactness, COMPARE_EXACT);
	assert_int_equal(c.list[0].nr_fields, 0);
	text = text_of(&c, 12);
	assert_non_null(strstr(text, "the same testbed and settings)"));
	free(text);
	compare_free(&c);
	json_object_set_new(sets[1].rs.list[0].point, "mode", json_string("fast"));
	build(sets, 2, &c);
	assert_int_equal(c.list[0].exactness, COMPARE_INEXACT);
	close_sets(sets, 2, &c);
}

static void test_labels(void **state)
{
	static const struct { const char *arg; bool exists; const char *label, *path; } cases[] = {
		{ "results/demo/", false, "demo", "results/demo/" },
		{ "demo/vf.json", true, "vf", "demo/vf.json" },
		{ "new=results/demo", false, "new", "results/demo" },
		{ "d/vf,x=2.json", true, "vf,x=2", "d/vf,x=2.json" },
		{ "d/vf,x=2.json", false, "vf,x=2", "d/vf,x=2.json" },
		{ "vf,x=2.json", true, "vf,x=2", "vf,x=2.json" },
		{ "=x", false, "=x", "=x" }, { "x=", false, "x=", "x=" },
		{ "/", true, "/", "/" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct compare_set s = { 0 };

		assert_int_equal(compare_parse_set(cases[i].arg, cases[i].exists, &s), 0);
		assert_string_equal(s.label, cases[i].label);
		assert_string_equal(s.path, cases[i].path);
		free(s.label);
		free(s.path);
	}
}

static void parse(struct compare_set *sets, size_t n, const char *const *args)
{
	size_t i;

	for (i = 0; i < n; i++) {
		sets[i] = (struct compare_set){ 0 };
		assert_int_equal(compare_parse_set(args[i], false, &sets[i]), 0);
	}
}

static void test_unique_labels(void **state)
{
	static const char *const folders[] = { "a/demo", "b/demo", "b/demo" };
	static const char *const twice[] = { "x=a/demo", "x=b/demo" };
	static const char *const same[] = { "demo", "demo" };
	struct compare_set sets[3];
	struct compare none = { 0 };
	const char *which = NULL;

	(void)state;
	parse(sets, 3, folders);
	assert_int_equal(compare_unique_labels(sets, 3, &which), 0);
	assert_string_equal(sets[0].label, "a/demo");
	assert_string_equal(sets[1].label, "b/demo");
	assert_string_equal(sets[2].label, "b/demo#2");
	close_sets(sets, 3, &none);
	parse(sets, 2, same);
	assert_int_equal(compare_unique_labels(sets, 2, &which), 0);
	assert_string_equal(sets[0].label, "demo");
	assert_string_equal(sets[1].label, "demo#2");
	close_sets(sets, 2, &none);
	parse(sets, 2, twice);
	assert_int_equal(compare_unique_labels(sets, 2, &which), -EEXIST);
	assert_string_equal(which, "x");
	close_sets(sets, 2, &none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_points_match),
		cmocka_unit_test(test_scenarios_are_kept_apart),
		cmocka_unit_test(test_single_points),
		cmocka_unit_test(test_workloads_that_do_not_match),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_no_work_no_number),
		cmocka_unit_test(test_no_times_no_number),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_exactness),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_unique_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
