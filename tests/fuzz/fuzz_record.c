// SPDX-License-Identifier: GPL-2.0
/* LINK: analyze/eli.c analyze/baseline.c analyze/baseline_read.c analyze/baseline_update.c analyze/baseline_write.c analyze/compare.c analyze/compare_export.c analyze/compare_fields.c analyze/compare_plot.c analyze/compare_rows.c analyze/compare_text.c analyze/diff.c analyze/export.c analyze/facts.c analyze/gate.c analyze/gate_json.c analyze/gate_judge.c analyze/gate_junit.c analyze/gate_text.c analyze/numbers.c analyze/plotdata.c analyze/record.c analyze/table.c analyze/text.c analyze/welch.c tracer/core/reason.c tracer/run/scenario_msg.c tracer/run/yaml.c -lgsl -lgslcblas */
/*
 * Any bytes as a run record: it is refused with a message, or every output can be made of it and
 * it is no different from itself, and a baseline of it is refused with a message, or is read back
 * and the record passes against it. Built by tests/fuzz/run.sh; for a long hunt:
 *
 *   build/tests/fuzz_record -max_total_time=600 -dict=tests/fuzz/record.dict CORPUS RECORDS
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/baseline.h"
#include "analyze/compare_print.h"
#include "analyze/diff.h"
#include "analyze/export.h"
#include "analyze/gate.h"
#include "analyze/plotdata.h"
#include "analyze/record.h"
#include "analyze/table.h"
#include "analyze/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void all_outputs(const struct records *rs, FILE *out)
{
	struct table *tables;
	struct plot plot;
	json_t *j;
	size_t n, i;

	if (tables_build(rs, &tables, &n))
		abort();
	for (i = 0; i < n; i++) {
		text_table(out, &tables[i], 3);
		text_failed_checks(out, &tables[i]);
	}
	export_csv(out, tables, n);
	j = export_json(tables, n);
	if (!j)
		abort();
	json_dumpf(j, out, 0);
	json_decref(j);
	if (n) {
		if (plot_choose(tables, n, &plot))
			abort();
		plot_write_data(out, &plot);
		plot_write_variables(out, &plot, "base", "base.dat");
		plot_free(&plot);
	}
	tables_free(tables, n);
	if (diff_records(out, rs, rs))
		abort();
}

/* With itself a record has no difference; the third set has no counterpart. */
static void compare(const struct records *rs, FILE *out)
{
	static const char plain[] =
		"{\"schema\":\"exitlab-record/1\",\"complete\":true,\"scenario\":{\"name\":\"s\",\"title\":\"T\","
		"\"sha256\":\"0\"},\"point\":{\"id\":\"p\",\"configuration\":{\"name\":\"c\","
		"\"title\":\"C\",\"net\":\"vf\"},\"parameters\":{},\"repeat\":1},\"windows\":[],"
		"\"time_base\":\"t\"}";
	static const struct compare_filter all;
	struct compare_set sets[3] = { { "a", "a", *rs }, { "b", "b", *rs }, { "c", "c", { 0 } } };
	struct compare c;
	json_t *j;
	size_t i;

	if (records_add_text(&sets[2].rs, "c", plain, sizeof(plain) - 1, out) ||
	    compare_build(sets, 3, 0, &all, &c))
		abort();
	for (i = 0; i < c.n; i++) {
		if (c.list[i].nr_fields || !c.list[i].same_time)
			abort();
	}
	compare_csv(out, &c);
	j = compare_json(&c);
	if (compare_text(out, &c, 3) || !j)
		abort();
	json_decref(j);
	if (c.n && (compare_plot_data(out, &c) || compare_plot_variables(out, &c, "b", "d")))
		abort();
	compare_free(&c);
	records_free(&sets[2].rs);
}

/* A baseline that the reader does not take is not written: see tracer/cmd/baseline.c. */
static void as_baseline(const struct records *rs, FILE *err)
{
	struct gate_options o = { .min_effect = -1, .confidence = 99 };
	char *text = NULL;
	json_t *now, *base;
	struct gate g;
	size_t len;
	FILE *f;
	int rc = baseline_of_records(rs, err, &now);

	if (rc == -EINVAL)
		return;
	f = open_memstream(&text, &len);
	if (rc || baseline_write(f, now) || fclose(f))
		abort();
	if (!baseline_read("base", text, len, err, &base)) {
		if (gate_compare(base, now, &o, err, &g))
			abort();
		/* A single run of anything but the deterministic modes decides nothing. */
		if (g.verdict != GATE_PASS && g.verdict != GATE_UNDECIDED)
			abort();
		gate_free(&g);
		json_decref(base);
	}
	json_decref(now);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct records rs = { 0 };
	char *said = NULL, *text = NULL;
	size_t len, out_len;
	FILE *err = open_memstream(&said, &len), *out = open_memstream(&text, &out_len);
	int rc = records_add_text(&rs, "fuzz.json", (const char *)data, size, err);

	fclose(err);
	if ((rc == -EINVAL) != (len > 0) || (rc == -EINVAL) != (rs.bad == 1))
		abort();
	if (!rc) {
		text_heading(out, &rs.list[0]);
		all_outputs(&rs, out);
		compare(&rs, out);
		as_baseline(&rs, out);
	}
	fclose(out);
	records_free(&rs);
	free(said);
	free(text);
	return 0;
}
