// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/eli.c analyze/record.c analyze/table.c analyze/text.c analyze/export.c */
/*
 * Rows of exitless interrupts, from recorded runs (tests/unit/eli/: Apache, 1000 requests, each
 * of the four configurations; what is not needed was left out). Numbers here were worked out by
 * hand from the counters in these files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "analyze/eli.h"
#include "analyze/export.h"
#include "analyze/record.h"
#include "analyze/table.h"
#include "analyze/text.h"

/* In the order of the table, by name. */
enum { BARE, BASELINE, ELI, DELIVERY, COLUMNS };

struct fixture {
	struct records rs;
	struct table *t;
	size_t n;
};

static void open_records(struct fixture *f, const char *mode)
{
	size_t i;

	*f = (struct fixture){ 0 };
	assert_int_equal(records_add(&f->rs, "tests/unit/eli", stderr), 0);
	assert_int_equal(f->rs.bad, 0);
	assert_int_equal(f->rs.n, COLUMNS);
	for (i = 0; mode && i < f->rs.n; i++)
		json_object_set_new(f->rs.list[i].point, "mode", json_string(mode));
	records_sort(&f->rs);
	assert_int_equal(tables_build(&f->rs, &f->t, &f->n), 0);
	assert_int_equal(f->n, 1);
	assert_string_equal(f->t->cols[BARE].rec->config, "bare-metal");
	assert_string_equal(f->t->cols[DELIVERY].rec->config, "eli-delivery");
}

static void close_records(struct fixture *f)
{
	tables_free(f->t, f->n);
	records_free(&f->rs);
}

static void is(const struct fixture *f, size_t col, enum eli_row row, double want)
{
	struct eli_value v;

	eli_value(f->t, col, row, &v);
	if (v.why)
		fail_msg("%s of column %zu: %s", v.key, col, v.why);
	if (fabs(v.value - want) > 1e-6 * want)
		fail_msg("%s of column %zu: %.9g, not %.9g", v.key, col, v.value, want);
}

static void is_not(const struct fixture *f, size_t col, enum eli_row row, const char *why)
{
	struct eli_value v;

	eli_value(f->t, col, row, &v);
	assert_non_null(v.why);
	if (!strstr(v.why, why))
		fail_msg("%s of column %zu: '%s' has no '%s'", v.key, col, v.why, why);
}

static void test_rates(void **state)
{
	struct fixture f;

	(void)state;
	open_records(&f, NULL);
	assert_true(eli_in_table(f.t));
	is(&f, BASELINE, ELI_EXITS, 15386 / 0.291291232);
	is(&f, BASELINE, ELI_GUEST, 100 * 250784723.0 / 291291232);
	is(&f, BASELINE, ELI_INTERRUPTS, 6670 / 0.291291232);
	is(&f, BASELINE, ELI_HANDLED, 6953 / 0.291291232);
	is(&f, BASELINE, ELI_INJECTIONS, 6908 / 0.291291232);
	is(&f, BASELINE, ELI_WINDOWS, 2726 / 0.291291232);
	is(&f, ELI, ELI_HANDLED, 38 / 0.237312608);
	is(&f, ELI, ELI_WINDOWS, 24 / 0.237312608);
	is(&f, BARE, ELI_INTERRUPTS, 6174 / 0.229983901);
	close_records(&f);
}

static void test_ratios(void **state)
{
	struct fixture f;

	(void)state;
	open_records(&f, NULL);
	is(&f, BASELINE, ELI_EXITS_PER_IRQ, 15386.0 / 6670);
	is(&f, DELIVERY, ELI_EXITS_PER_IRQ, 8110.0 / 6757);
	is(&f, ELI, ELI_EXITS_PER_IRQ, 295.0 / 6213);
	is(&f, BARE, ELI_EXITS_PER_IRQ, 0);
	is(&f, BASELINE, ELI_EXITS_RATIO, 100);
	is(&f, DELIVERY, ELI_EXITS_RATIO, 100 * 8110.0 / 6757 / (15386.0 / 6670));
	is(&f, ELI, ELI_EXITS_RATIO, 100 * 295.0 / 6213 / (15386.0 / 6670));
	close_records(&f);
}

/* What a host without VM cannot have is not 0 but nothing. */
static void test_bare_metal(void **state)
{
	struct fixture f;

	(void)state;
	open_records(&f, NULL);
	is_not(&f, BARE, ELI_GUEST, "there is no VM");
	is_not(&f, BARE, ELI_HANDLED, "there is no VM");
	is_not(&f, BARE, ELI_INJECTIONS, "there is no VM");
	is_not(&f, BARE, ELI_WINDOWS, "there is no VM");
	close_records(&f);
}

static void test_speed(void **state)
{
	static const enum eli_row rows[] = { ELI_THROUGHPUT, ELI_RESPONSE, ELI_THROUGHPUT_RATIO };
	struct eli_value v;
	struct fixture f;
	size_t i;

	(void)state;
	open_records(&f, NULL);
	for (i = 0; i < 3; i++) {
		is_not(&f, ELI, rows[i], "mode: timed");
		eli_value(f.t, ELI, rows[i], &v);
		assert_true(v.no_speed);
		assert_null(strstr(v.label, "mod"));
	}
	close_records(&f);
	open_records(&f, "timed");
	is(&f, ELI, ELI_THROUGHPUT, 4680.11);
	is(&f, ELI, ELI_RESPONSE, 855);
	is(&f, ELI, ELI_THROUGHPUT_RATIO, 100 * 4680.11 / 4844.63);
	for (i = 0; i < 3; i++) {
		eli_value(f.t, ELI, rows[i], &v);
		assert_non_null(strstr(v.label, ", modelled"));
	}
	close_records(&f);
}

/* References are of the same parameters and repetition only. */
static void test_references(void **state)
{
	struct fixture f;

	(void)state;
	open_records(&f, "timed");
	json_object_set_new(f.t->cols[BASELINE].rec->parameters, "host.cpus", json_integer(4));
	is_not(&f, ELI, ELI_EXITS_RATIO, "not counted");
	is(&f, ELI, ELI_THROUGHPUT_RATIO, 100 * 4680.11 / 4844.63);
	json_object_set_new(f.t->cols[BARE].rec->parameters, "host.cpus", json_integer(4));
	is_not(&f, ELI, ELI_THROUGHPUT_RATIO, "not counted");
	is(&f, BASELINE, ELI_THROUGHPUT_RATIO, 100 * 3737.62 / 4844.63);
	close_records(&f);
}

static char *text_of(const struct table *t)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	text_table(out, t, 12);
	fclose(out);
	return text;
}

static void test_text(void **state)
{
	struct fixture f;
	char *text;

	(void)state;
	open_records(&f, NULL);
	text = text_of(f.t);
	assert_non_null(strstr(text,
		"device irqs/s                     26845        22898        26181        24642\n"
		"  handled in host/s                   -        23870        160.1       4007.9\n"));
	assert_non_null(strstr(text,
		"requests/s                          n/a          n/a          n/a          n/a\n"));
	assert_non_null(strstr(text,
		"exits/device irq                      0        2.307        0.047        1.200\n"
		"  % of baseline                       0          100        2.058        52.03\n"));
	free(text);
	/* A run without any of this looks as it always did. */
	json_object_del(json_object_get(f.rs.list[BARE].point, "configuration"), "bare_metal");
	json_object_del(json_object_get(f.rs.list[ELI].point, "configuration"), "eli");
	json_object_set_new(json_object_get(f.rs.list[DELIVERY].point, "configuration"), "eli",
			    json_string("off"));
	assert_false(eli_in_table(f.t));
	text = text_of(f.t);
	assert_null(strstr(text, "device irqs"));
	free(text);
	close_records(&f);
}

static void test_json(void **state)
{
	struct fixture f;
	json_t *all, *cols, *e;

	(void)state;
	open_records(&f, NULL);
	all = export_json(f.t, f.n);
	cols = json_object_get(json_array_get(json_object_get(all, "tables"), 0), "points");
	e = json_object_get(json_array_get(cols, BASELINE), "eli");
	assert_true(fabs(json_number_value(json_object_get(e, "exits_per_device_interrupt")) -
			 15386.0 / 6670) < 1e-9);
	assert_true(json_is_null(json_object_get(e, "throughput")));
	assert_true(json_is_string(json_object_get(e, "throughput_why")));
	assert_null(json_object_get(e, "irq_windows_per_s_why"));
	json_decref(all);
	close_records(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_ratios),
		cmocka_unit_test(test_bare_metal),
		cmocka_unit_test(test_speed),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
