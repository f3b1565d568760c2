// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/eli.c analyze/record.c analyze/table.c analyze/text.c analyze/export.c analyze/plotdata.c analyze/compare.c analyze/compare_labels.c analyze/compare_rows.c analyze/compare_fields.c analyze/compare_text.c analyze/compare_export.c analyze/compare_plot.c */
/* Comparisons as text, CSV, JSON and plot data. */
#include "compare_sets.h"

static void test_many_fields(void **state)
{
	char guests[1024];
	struct compare_set sets[2];
	struct compare c;
	char *text;

	(void)state;
	open_sets(sets, 2);
	snprintf(guests, sizeof(guests), "{\"a0\":0,\"a1\":1,\"a2\":2,\"a3\":3,\"a4\":4,\"a5\":5,"
		 "\"a6\":6,\"a7\":7,\"a8\":8,\"a9\":9,\"b0\":\"%0150d\",\"b1\":1}", 7);
	ADD(&sets[0]);
	ADD(&sets[1], .guests = guests);
	build(sets, 2, &c);
	assert_int_equal(c.list[0].nr_fields, 13);
	text = text_of(&c, 12);
	assert_non_null(strstr(text, "  guests.a8: (nothing) -> 8\n  and 3 more\n"));
	assert_null(strstr(text, "guests.a9"));
	free(text);
	close_sets(sets, 2, &c);
}

/* Modelled time beside counted time: both are named, and there is no difference of the two. */
static void test_times_of_different_kinds(void **state)
{
	struct compare_set sets[3];
	struct compare c;
	char *text;
	double v;

	(void)state;
	open_sets(sets, 3);
	ADD(&sets[0]);
	ADD(&sets[1], .mode = "timed");
	ADD(&sets[2], .eoi = 1);
	build(sets, 3, &c);
	assert_false(c.list[0].same_time);
	assert_false(compare_difference(&c.list[0], row_of(&c.list[0], "in the guest"), 1, &v));
	assert_true(compare_difference(&c.list[0], row_of(&c.list[0], "in the guest"), 2, &v));
	assert_true(compare_difference(&c.list[0], row_of(&c.list[0], "HLT"), 1, &v));
	text = text_of(&c, 12);
	assert_non_null(strstr(text, "times of A: emulated testbed, instruction-counted time\n"));
	assert_non_null(strstr(text, "times of B: emulated testbed, modelled time"));
	assert_non_null(strstr(text, "vCPU time per request, us (of different kinds)\n"));
	free(text);
	close_sets(sets, 3, &c);
}

static void test_text(void **state)
{
	struct compare_set sets[2];
	struct compare c;
	char *text;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0], .eoi = 200, .counters = "{\"host\":{\"vfio_interrupts\":0}}");
	ADD(&sets[1], .eoi = 203, .counters = "{\"host\":{\"vfio_interrupts\":5}}");
	build(sets, 2, &c);
	text = text_of(&c, 12);
	assert_non_null(strstr(text, "A (reference): A, 1 record\nB: B, 1 record\n"));
	assert_non_null(strstr(text, "point vf, workload rr: Round trips\n"));
	assert_non_null(strstr(text, "exits per request                     A            B   difference"
				     "      percent\n"));
	assert_non_null(strstr(text, "MSR EOI                           2.000        2.030       +0.030"
				     "        +1.5%\n"));
	assert_non_null(strstr(text, "HLT                               1.000        1.000            ="
				     "            =\n"));
	assert_non_null(strstr(text, "host VFIO interrupts                  0        0.050       +0.050"
				     "          new\n"));
	assert_non_null(strstr(text, "vCPU time per request, us (instruction-counted)\n"));
	free(text);
	/* A row that is put into "other" alone would only lose its name. */
	text = text_of(&c, 1);
	assert_null(strstr(text, "other ("));
	free(text);
	close_sets(sets, 2, &c);
}

/* No line may be wider than a terminal, however many sets and however long their names. */
static void test_width(void **state)
{
	static const char word[] = "a-name-of-eighty-characters-that-is-far-too-long-for-a-column-"
				   "of-a-table-of-twelve";
	struct compare_set sets[6];
	char id[200], *text, *line;
	struct compare c;
	size_t i;

	(void)state;
	open_sets(sets, 6);
	for (i = 0; i < 6; i++) {
		free(sets[i].label);
		free(sets[i].path);
		snprintf(id, sizeof(id), "%s%zu", word, i);
		sets[i].label = strdup(id);
		sets[i].path = strdup(id);
		ADD(&sets[i], .id = id, .config = id, .title = word, .kernel = i ? id : word,
		    .eoi = 1000000000 + i, .work = 1, .mode = i == 5 ? "timed" : "counts",
		    .scenario = id);
	}
	build(sets, 6, &c);
	assert_int_equal(c.n, 1);
	text = text_of(&c, 12);
	for (line = text; *line; line += strcspn(line, "\n") + 1) {
		if (strcspn(line, "\n") >= 80)
			fail_msg("%zu columns: %.120s", strcspn(line, "\n"), line);
	}
	free(text);
	close_sets(sets, 6, &c);
}

static void test_json(void **state)
{
	json_t *j, *one, *row, *v;
	struct compare_set sets[2];
	struct compare c;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0], .counters = "{\"signals\":{\"replies\":0}}");
	ADD(&sets[1], .kernel = "6.1", .counters = "{\"signals\":{\"replies\":50}}");
	ADD(&sets[1], .id = "v", .config = "v");
	build(sets, 2, &c);
	j = compare_json(&c);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "schema")), "exitlab-compare/1");
	assert_string_equal(json_string_value(json_object_get(j, "reference")), "A");
	assert_int_equal(json_array_size(json_object_get(j, "sets")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(j, "unmatched"), 0)),
			    "point v: in B, not in A");
	one = json_array_get(json_object_get(j, "comparisons"), 0);
	assert_string_equal(json_string_value(json_object_get(one, "counts")), "exact");
	v = json_array_get(json_object_get(one, "differs"), 0);
	assert_string_equal(json_string_value(json_object_get(v, "field")), "machine.kernel");
	row = json_array_get(json_object_get(one, "rows"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "label")), "MSR EOI");
	assert_int_equal(json_integer_value(json_object_get(row, "detail")), 2059);
	row = json_array_get(json_object_get(one, "rows"), 3);
	assert_string_equal(json_string_value(json_object_get(row, "label")), "replies");
	v = json_array_get(json_object_get(row, "values"), 1);
	assert_number(json_real_value(json_object_get(v, "difference")), 0.5);
	assert_true(json_is_null(json_object_get(v, "percent")));
	json_decref(j);
	close_sets(sets, 2, &c);
}

static void test_csv(void **state)
{
	struct compare_set sets[2];
	char *text = NULL;
	struct compare c;
	size_t len;
	FILE *out;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0], .id = "vf,x=1", .parameters = "{\"x\":1}");
	ADD(&sets[1], .id = "vf,x=1", .parameters = "{\"x\":1}", .eoi = 100, .work = -1);
	build(sets, 2, &c);
	out = open_memstream(&text, &len);
	compare_csv(out, &c);
	fclose(out);
	assert_non_null(strstr(text, "\n\"vf,x=1\",rr,request,reason,MSR EOI,A,1,2,2,2,0,0\n"
				     "\"vf,x=1\",rr,request,reason,MSR EOI,B,1,,,,,\n"));
	free(text);
	close_sets(sets, 2, &c);
}

static void test_plot(void **state)
{
	struct compare_set sets[2];
	char *text = NULL;
	struct compare c;
	size_t len;
	FILE *out;

	(void)state;
	open_sets(sets, 2);
	ADD(&sets[0], .title = "It's `this`");
	ADD(&sets[1], .eoi = 100, .mode = "timed");
	build(sets, 2, &c);
	out = open_memstream(&text, &len);
	assert_int_equal(compare_plot_data(out, &c), 0);
	fclose(out);
	assert_string_equal(text, "# vf, rr, exits per request: bar, MSR EOI, HLT, total\n"
			    "\"A, instruction-counted\" 2 1 3\n\"B, modelled\" 1 1 2\n\n\n"
			    "# vCPU time in us per request: bar, in the guest, handling exits, "
			    "halted, rest, total\n"
			    "\"A, instruction-counted\" 4 1 3 2 10\n\"B, modelled\" 4 1 3 2 10\n");
	free(text);
	text = NULL;
	out = open_memstream(&text, &len);
	assert_int_equal(compare_plot_variables(out, &c, "x", "x.dat"), 0);
	fclose(out);
	assert_non_null(strstr(text, "panel_title[1] = 'It''s `this`'\n"));
	assert_non_null(strstr(text, "panel_time[1] = 'of different kinds, not comparable'\n"));
	assert_non_null(strstr(text, "captions = 3\n"));
	assert_non_null(strstr(text, "'A: kernel 6.12, testbed k1, scenario t 01234567, times: "));
	assert_non_null(strstr(text, "reason_colour[1] = '#f28e2b'\n"));
	free(text);
	close_sets(sets, 2, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_fields),
		cmocka_unit_test(test_times_of_different_kinds),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_plot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
