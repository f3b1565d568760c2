// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/eli.c analyze/record.c analyze/table.c analyze/text.c analyze/export.c analyze/diff.c analyze/plotdata.c */
/* Records into tables, CSV, JSON and plot data; which records are refused; what counts as equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "analyze/diff.h"
#include "analyze/export.h"
#include "analyze/plotdata.h"
#include "analyze/record.h"
#include "analyze/table.h"
#include "analyze/text.h"

/*
 * A record of one window: 100 requests, two vCPUs, 250 exits. %s: id, configuration, net,
 * parameters, the difference of its check.
 */
static const char record_text[] =
"{\"schema\":\"exitlab-record/1\","
"\"scenario\":{\"name\":\"t\",\"title\":\"A test\",\"sha256\":\"0123456789abcdef\"},"
"\"point\":{\"id\":\"%s\",\"configuration\":{\"name\":\"%s\",\"title\":\"X\",\"net\":\"%s\"},"
"\"parameters\":%s,\"repeat\":1,\"mode\":\"counts\","
"\"workloads\":[{\"name\":\"rr\",\"title\":\"Round trips\"}]},"
"\"backend\":\"emulated\",\"complete\":true,\"time_base\":\"counted\","
"\"machine\":{\"kernel\":\"6.12\"},"
"\"windows\":[{\"workload\":\"rr\",\"tool\":\"rr\",\"unit\":\"request\",\"work\":100,"
"\"duration_ns\":1000000,\"result\":{\"requests\":100,\"rtt_mean_ns\":7300},"
"\"tracer\":{\"schema\":\"exitlab-stat/1\",\"vms\":[{\"vm\":\"g0\",\"vcpus\":["
"{\"vcpu\":0,\"entries\":150,\"exits\":150,\"guest_ns\":400000,\"reasons\":["
"{\"isa\":\"svm\",\"reason\":124,\"name\":\"MSR\",\"detail\":2059,\"detail_name\":\"EOI\","
"\"count\":100,\"timed\":100,\"total_ns\":50000},"
"{\"isa\":\"svm\",\"reason\":120,\"name\":\"HLT\",\"count\":50,\"timed\":50,\"total_ns\":9000}]},"
"{\"vcpu\":1,\"entries\":100,\"exits\":100,\"guest_ns\":100000,\"reasons\":["
"{\"isa\":\"svm\",\"reason\":124,\"name\":\"MSR\",\"detail\":2059,\"detail_name\":\"EOI\","
"\"count\":20,\"timed\":20,\"total_ns\":1000},"
"{\"isa\":\"svm\",\"reason\":124,\"name\":\"MSR\",\"detail\":2104,"
"\"count\":77,\"timed\":0,\"total_ns\":null,\"total_ns_why\":\"no entry\"},"
"{\"isa\":\"svm\",\"reason\":1024,\"name\":\"NPF\",\"count\":3,\"timed\":3,\"total_ns\":30}]}]}],"
"\"ledger\":{\"map_full\":0,\"recursion_missed\":0}},"
"\"counters\":{\"guest\":{\"interrupts\":130}},"
"\"checks\":[{\"name\":\"KVM's own\",\"tracer\":250,\"other\":250,\"difference\":%s}]}],"
"\"volatile\":{\"wall_s\":%s}}";

static void add(struct records *rs, const char *id, const char *config, const char *net,
		const char *parameters, const char *difference, const char *wall)
{
	char text[8192];

	snprintf(text, sizeof(text), record_text, id, config, net, parameters, difference, wall);
	assert_int_equal(records_add_text(rs, id, text, strlen(text), stderr), 0);
}

static void add_plain(struct records *rs, const char *config, const char *net)
{
	add(rs, config, config, net, "{}", "0", "1.5");
}

/* Output of something that writes to a stream, to be freed. */
#define CAPTURE(text, out, call) do { \
	size_t len_; \
	FILE *out = open_memstream(&(text), &len_); \
	call; \
	fclose(out); \
} while (0)

static void test_sums(void **state)
{
	struct records rs = { 0 };
	struct table *t;
	size_t n;

	(void)state;
	add_plain(&rs, "vf", "vf");
	assert_int_equal(tables_build(&rs, &t, &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(t->title, "Round trips");
	assert_int_equal(t->nr_cols, 1);
	assert_int_equal(t->cols[0].exits, 250);
	assert_int_equal(t->cols[0].reason_exits, 250);
	assert_int_equal(t->cols[0].vcpus, 2);
	assert_int_equal(t->cols[0].guest_ns, 500000);
	assert_true(table_guest_percent(&t->cols[0]) == 25.0);
	assert_int_equal(t->cols[0].halted_ns, 9000);
	assert_int_equal(t->cols[0].handling_ns, 51030);
	assert_int_equal(t->nr_rows, 4);
	/* vCPUs are summed, MSRs kept apart, the most frequent first. */
	assert_string_equal(t->rows[0].label, "MSR EOI");
	assert_int_equal(t->rows[0].cells[0].count, 120);
	assert_int_equal(t->rows[0].family, FAMILY_EOI);
	assert_string_equal(t->rows[1].label, "MSR 0x838");
	assert_int_equal(t->rows[1].family, FAMILY_MSR);
	assert_string_equal(t->rows[2].label, "HLT");
	assert_string_equal(t->rows[3].label, "NPF");
	assert_int_equal(t->rows[3].family, FAMILY_MMIO);
	assert_true(table_rate(t, &t->rows[0], 0) == 1.2);
	assert_true(table_rate(t, NULL, 0) == 2.5);
	tables_free(t, n);
	records_free(&rs);
}

static void test_order_of_columns(void **state)
{
	struct records rs = { 0 };
	struct table *t;
	size_t n;

	(void)state;
	add_plain(&rs, "vf", "vf");
	add(&rs, "q,host.cpus=10", "q", "virtio-user", "{\"host.cpus\":10}", "0", "1");
	add(&rs, "q,host.cpus=9", "q", "virtio-user", "{\"host.cpus\":9}", "0", "1");
	add_plain(&rs, "v", "virtio-vhost");
	records_sort(&rs);
	assert_int_equal(tables_build(&rs, &t, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(t->nr_cols, 4);
	assert_string_equal(t->cols[0].rec->id, "q,host.cpus=9");
	assert_string_equal(t->cols[1].rec->id, "q,host.cpus=10");
	assert_string_equal(t->cols[2].rec->id, "v");
	assert_string_equal(t->cols[3].rec->id, "vf");
	tables_free(t, n);
	records_free(&rs);
}

/* No line may be wider than a terminal, however many points and however long their names. */
static void test_width(void **state)
{
	struct records rs = { 0 };
	char id[64], parameters[64], *text = NULL, *line;
	struct table *t;
	size_t n, i;

	(void)state;
	for (i = 0; i < 9; i++) {
		snprintf(id, sizeof(id), "a-long-configuration-name-of-40-chars-%zu", i);
		snprintf(parameters, sizeof(parameters), "{\"workloads.rr.request_bytes\":%zu}", i);
		add(&rs, id, id, "vf", parameters, "0", "1");
	}
	assert_int_equal(tables_build(&rs, &t, &n), 0);
	CAPTURE(text, out, text_heading(out, &rs.list[0]); text_table(out, t, 2));
	for (line = text; *line; line += strcspn(line, "\n") + 1) {
		if (strcspn(line, "\n") >= 80)
			fail_msg("%zu columns: %.100s", strcspn(line, "\n"), line);
	}
	assert_non_null(strstr(text, "other (2 reasons)"));
	free(text);
	tables_free(t, n);
	records_free(&rs);
}

/* A swept setting may be a name, such as that of a cost set. */
static void test_named_parameters(void **state)
{
	struct records rs = { 0 };
	char *text = NULL, buf[64];
	struct table *t;
	size_t n;

	(void)state;
	add(&rs, "b", "vf", "vf", "{\"costs\":\"x5570\"}", "0", "1");
	add(&rs, "a", "vf", "vf", "{\"costs\":\"epyc\"}", "0", "1");
	records_sort(&rs);
	assert_string_equal(record_parameters(&rs.list[0], buf, sizeof(buf)), "costs=epyc");
	assert_int_equal(tables_build(&rs, &t, &n), 0);
	CAPTURE(text, out, text_table(out, t, 12));
	assert_non_null(strstr(text, "costs=epyc  costs=x5570\n"));
	free(text);
	tables_free(t, n);
	records_free(&rs);
}

static void test_text(void **state)
{
	struct records rs = { 0 };
	char *text = NULL;
	struct table *t;
	size_t n;

	(void)state;
	add_plain(&rs, "vf", "vf");
	assert_int_equal(tables_build(&rs, &t, &n), 0);
	CAPTURE(text, out, text_heading(out, &rs.list[0]); text_table(out, t, 12));
	assert_non_null(strstr(text, "t: A test\n"));
	assert_non_null(strstr(text, "emulated testbed, instruction-counted time"));
	assert_non_null(strstr(text, "exits per request"));
	assert_non_null(strstr(text, "MSR EOI                           1.200\n"));
	assert_non_null(strstr(text, "total                             2.500\n"));
	assert_non_null(strstr(text, "exits/s                          250000\n"));
	assert_non_null(strstr(text, "in guest, % of vCPU time          25.00\n"));
	assert_non_null(strstr(text, "rtt mean, us                      7.300\n"));
	assert_non_null(strstr(text, "guest irqs/request                1.300\n"));
	assert_non_null(strstr(text, "cross checks                    1 agree\n"));
	assert_null(strstr(text, "!!"));
	free(text);
	tables_free(t, n);
	records_free(&rs);
}

/* The label must not promise repeatable time for a mode that has none. */
static void test_time_label(void **state)
{
	struct records rs = { 0 };

	(void)state;
	add_plain(&rs, "vf", "vf");
	assert_string_equal(record_time_label(&rs.list[0]),
			    "emulated testbed, instruction-counted time");
	json_object_set_new(rs.list[0].point, "mode", json_string("fast"));
	assert_string_equal(record_time_label(&rs.list[0]),
			    "emulated testbed, time neither repeatable nor real");
	json_object_set_new(rs.list[0].root, "backend", json_string("host"));
	assert_string_equal(record_time_label(&rs.list[0]), "counted");
	records_free(&rs);
}

static void test_failed_check_is_loud(void **state)
{
	struct records rs = { 0 };
	char *text = NULL;
	struct table *t;
	size_t n, failed = 0;

	(void)state;
	add(&rs, "vf", "vf", "vf", "{}", "-3", "1");
	assert_int_equal(tables_build(&rs, &t, &n), 0);
	CAPTURE(text, out, text_table(out, t, 12); failed = text_failed_checks(out, t));
	assert_int_equal(failed, 1);
	assert_non_null(strstr(text, "cross checks                     FAILED\n"));
	assert_non_null(strstr(text, "!! CHECK FAILED: vf, rr: KVM's own: 250 against 250, "
				     "difference -3\n"));
	free(text);
	tables_free(t, n);
	records_free(&rs);
}

static void test_csv(void **state)
{
	struct records rs = { 0 };
	char *text = NULL;
	struct table *t;
	size_t n;

	(void)state;
	add(&rs, "vf,a=1", "vf", "vf", "{\"host.cpus\":1,\"guests.count\":2}", "0", "1");
	assert_int_equal(tables_build(&rs, &t, &n), 0);
	CAPTURE(text, out, export_csv(out, t, n));
	assert_ptr_equal(strstr(text, "scenario,point,configuration,parameters,workload,unit,work,"
				      "metric,isa,reason,detail,value\n"), text);
	assert_non_null(strstr(text, "\nt,\"vf,a=1\",vf,host.cpus=1;guests.count=2,rr,request,100,"
				     "exits,svm,MSR,EOI,120\n"));
	assert_non_null(strstr(text, ",100,exits_total,,,,250\n"));
	assert_non_null(strstr(text, ",100,guest.interrupts,,,,130\n"));
	assert_non_null(strstr(text, ",100,result.rtt_mean_ns,,,,7300\n"));
	free(text);
	tables_free(t, n);
	records_free(&rs);
}

static void test_json(void **state)
{
	struct records rs = { 0 };
	struct table *t;
	json_t *j, *point;
	size_t n;

	(void)state;
	add_plain(&rs, "vf", "vf");
	assert_int_equal(tables_build(&rs, &t, &n), 0);
	j = export_json(t, n);
	point = json_array_get(json_object_get(json_array_get(json_object_get(j, "tables"), 0),
					       "points"), 0);
	assert_int_equal(json_integer_value(json_object_get(point, "exits")), 250);
	assert_true(json_real_value(json_object_get(point, "exits_per_unit")) == 2.5);
	assert_int_equal(json_array_size(json_object_get(point, "reasons")), 4);
	json_decref(j);
	tables_free(t, n);
	records_free(&rs);
}

static void test_plot_data(void **state)
{
	struct records rs = { 0 };
	struct plot p;
	char *text = NULL;
	struct table *t;
	size_t n;

	(void)state;
	add_plain(&rs, "vf", "vf");
	assert_int_equal(tables_build(&rs, &t, &n), 0);
	assert_int_equal(plot_choose(t, n, &p), 0);
	/* By family; all of them are more than 1 %, so that nothing is "other". */
	assert_int_equal(p.nr_reasons, 4);
	assert_string_equal(p.reasons[0].label, "MSR EOI");
	assert_string_equal(p.reasons[1].label, "HLT");
	assert_string_equal(p.reasons[2].label, "NPF");
	assert_string_equal(p.reasons[3].label, "MSR 0x838");
	CAPTURE(text, out, plot_write_data(out, &p));
	assert_string_equal(text, "# rr, exits per request: bar, MSR EOI, HLT, NPF, MSR 0x838, total\n"
				  "\"vf\" 1.2 0.5 0.03 0.77 2.5\n");
	free(text);
	/* gnuplot runs what stands in backquotes unless single quotes are around it. */
	t->title = "it's `date`";
	CAPTURE(text, out, plot_write_variables(out, &p, "b", "b.dat"));
	assert_non_null(strstr(text, "panel_title[1] = 'it''s `date`'\n"));
	free(text);
	plot_free(&p);
	tables_free(t, n);
	records_free(&rs);
}

/* The text of a good record with one part of it replaced. */
static void expect_refused(const char *part, const char *by, const char *what)
{
	struct records rs = { 0 };
	char good[8192], bad[8192], *at, *said = NULL;
	int rc = 0;

	snprintf(good, sizeof(good), record_text, "vf", "vf", "vf", "{}", "0", "1");
	at = strstr(good, part);
	assert_non_null(at);
	snprintf(bad, sizeof(bad), "%.*s%s%s", (int)(at - good), good, by, at + strlen(part));
	CAPTURE(said, err, rc = records_add_text(&rs, "r.json", bad, strlen(bad), err));
	assert_int_equal(rc, -EINVAL);
	assert_int_equal(rs.n, 0);
	assert_int_equal(rs.bad, 1);
	if (!strstr(said, what) || strchr(said, '\n') != said + strlen(said) - 1)
		fail_msg("expected one line with %s; got %s", what, said);
	free(said);
	records_free(&rs);
}

static void test_refused(void **state)
{
	(void)state;
	expect_refused("exitlab-record/1", "exitlab-record/2", "r.json: schema: unknown version");
	expect_refused("\"schema\":\"exitlab-record/1\",", "", "r.json: schema: missing");
	expect_refused("exitlab-stat/1", "exitlab-stat/7",
		       "r.json: windows[0].tracer.schema: unknown version");
	expect_refused("\"complete\":true", "\"complete\":false", "r.json: complete: ");
	expect_refused("\"volatile\":{", "", "JSON, line 1");
	expect_refused("}],\"volatile\":{\"wall_s\":1}}", "", "r.json: truncated JSON");
	expect_refused("\"sha256\":\"0123456789abcdef\"", "\"sha\":1", "r.json: scenario.sha256: ");
	expect_refused("\"net\":\"vf\"", "\"net\":3", "r.json: point.configuration.net: wrong type");
	expect_refused("\"work\":100", "\"work\":-1", "r.json: windows[0].work: ");
	expect_refused("\"exits\":100,", "",
		       "r.json: windows[0].tracer.vms[0].vcpus[1].exits: missing");
	expect_refused("\"count\":3,", "\"count\":-3,",
		       "windows[0].tracer.vms[0].vcpus[1].reasons[2].count: wrong type or range");
	expect_refused("\"difference\":0", "\"difference\":\"0\"",
		       "windows[0].checks[0].difference");
}

static void test_unusable_paths(void **state)
{
	struct records rs = { 0 };
	char *said = NULL;

	(void)state;
	CAPTURE(said, err, records_add(&rs, "/nonexistent", err);
		records_add(&rs, "/dev/null", err); records_add(&rs, "tests/unit/scenarios", err));
	assert_int_equal(rs.n, 0);
	assert_int_equal(rs.bad, 3);
	assert_non_null(strstr(said, "/nonexistent: No such file"));
	assert_non_null(strstr(said, "/dev/null: neither a file nor a folder"));
	assert_non_null(strstr(said, "tests/unit/scenarios: no run records"));
	free(said);
}

static void test_identical(void **state)
{
	struct records a = { 0 }, b = { 0 };
	char *text = NULL;
	size_t differ = 9;

	(void)state;
	add(&a, "vf", "vf", "vf", "{}", "0", "1.5");
	add(&b, "vf", "vf", "vf", "{}", "0", "99.25");
	CAPTURE(text, out, differ = diff_records(out, &a, &b));
	assert_int_equal(differ, 0);
	assert_string_equal(text, "1 of 1 points identical\n");
	free(text);
	records_free(&a);
	records_free(&b);
}

static void test_different(void **state)
{
	struct records a = { 0 }, b = { 0 };
	char *text = NULL;
	size_t differ = 0;

	(void)state;
	add(&a, "vf", "vf", "vf", "{}", "0", "1");
	add(&a, "v", "v", "vf", "{}", "0", "1");
	add(&a, "only", "only", "vf", "{}", "0", "1");
	add(&b, "v", "v", "vf", "{}", "0", "1");
	add(&b, "vf", "vf", "vf", "{}", "2", "1");
	CAPTURE(text, out, differ = diff_records(out, &a, &b));
	assert_int_equal(differ, 2);
	assert_string_equal(text, "t/vf: 1 value differs\n"
				  "  windows[0].checks[0].difference: 0 against 2\n"
				  "t/only: only in the first\n"
				  "1 of 3 points identical\n");
	free(text);
	records_free(&a);
	records_free(&b);
}

static void test_diff_paths(void **state)
{
	json_t *a = json_loads("{\"x\":[1,2,{\"y\":1}],\"z\":\"s\",\"host_volatile\":1}", 0, NULL);
	json_t *b = json_loads("{\"x\":[1,3,{\"y\":1.0},4],\"new\":null}", 0, NULL);
	char *text = NULL;
	size_t n = 0;

	(void)state;
	CAPTURE(text, out, n = diff_json(out, "", a, b, 10));
	assert_int_equal(n, 5);
	assert_string_equal(text, "x[1]: 2 against 3\nx[2].y: 1 against 1.0\n"
				  "x[3]: (nothing) against 4\nz: \"s\" against (nothing)\n"
				  "new: (nothing) against null\n");
	free(text);
	text = NULL;
	CAPTURE(text, out, n = diff_json(out, "", a, b, 2));
	assert_int_equal(n, 5);
	assert_string_equal(text, "x[1]: 2 against 3\nx[2].y: 1 against 1.0\nand 3 more\n");
	free(text);
	json_decref(a);
	json_decref(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_order_of_columns),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_named_parameters),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_time_label),
		cmocka_unit_test(test_failed_check_is_loud),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_plot_data),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unusable_paths),
		cmocka_unit_test(test_identical),
		cmocka_unit_test(test_different),
		cmocka_unit_test(test_diff_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
