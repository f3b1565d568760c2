// SPDX-License-Identifier: GPL-2.0
/*
 * Tables as CSV and JSON. CSV is in long form, one value per line: a reader picks metrics by name
 * and need not know which columns this version has.
 */
#include "analyze/eli.h"
#include "analyze/export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void export_field(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

/* One line; @row is NULL for what concerns no reason. */
static void csv_line(FILE *out, const struct table *t, const struct column *c, const char *metric,
		     const struct row *row, double value)
{
	char parameters[512], detail[64] = "", work[32];
	const char *fields[] = {
		t->scenario, c->rec->id, c->rec->config,
		record_parameters(c->rec, parameters, sizeof(parameters)), t->workload, t->unit,
		work, metric, row ? row->isa : "", row ? row->name : "", detail,
	};
	size_t i;

	snprintf(work, sizeof(work), "%.15g", c->work);
	if (row)
		snprintf(detail, sizeof(detail), "%s", row->detail_name);
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		export_field(out, fields[i]);
		fputc(',', out);
	}
	fprintf(out, "%.15g\n", value);
}

static void csv_counters(FILE *out, const struct table *t, const struct column *c)
{
	const json_t *counters = json_object_get(c->window, "counters");
	json_t *group, *v;
	const char *name, *key;
	char metric[160];

	json_object_foreach((json_t *)counters, name, group) {
		json_object_foreach(group, key, v) {
			if (!json_is_number(v))
				continue;
			snprintf(metric, sizeof(metric), "%s.%s", name, key);
			csv_line(out, t, c, metric, NULL, json_number_value(v));
		}
	}
}

static void csv_column(FILE *out, const struct table *t, size_t col)
{
	const struct column *c = &t->cols[col];
	struct result r[64];
	char metric[sizeof(r[0].key) + 8];
	json_t *check;
	size_t n, i;

	for (i = 0; i < t->nr_rows; i++) {
		const struct cell *cell = &t->rows[i].cells[col];

		csv_line(out, t, c, "exits", &t->rows[i], cell->count);
		csv_line(out, t, c, "handling_ns", &t->rows[i], cell->total_ns);
	}
	csv_line(out, t, c, "exits_total", NULL, c->exits);
	csv_line(out, t, c, "entries_total", NULL, c->entries);
	csv_line(out, t, c, "duration_ns", NULL,
		 json_number_value(json_object_get(c->window, "duration_ns")));
	csv_line(out, t, c, "guest_ns", NULL, c->guest_ns);
	csv_line(out, t, c, "vcpus", NULL, c->vcpus);
	csv_line(out, t, c, "lost_events", NULL, c->lost);
	n = table_results(c->window, r, sizeof(r) / sizeof(r[0]));
	for (i = 0; i < n; i++) {
		snprintf(metric, sizeof(metric), "result.%.*s", (int)sizeof(r[i].key), r[i].key);
		csv_line(out, t, c, metric, NULL, r[i].value);
	}
	csv_counters(out, t, c);
	for (i = 0; i < ELI_ROWS && eli_in_table(t); i++) {
		struct eli_value v;

		eli_value(t, col, i, &v);
		snprintf(metric, sizeof(metric), "eli.%s", v.key);
		if (!v.why)
			csv_line(out, t, c, metric, NULL, v.value);
	}
	json_array_foreach(json_object_get(c->window, "checks"), i, check)
		csv_line(out, t, c, "check_difference", NULL,
			 json_number_value(json_object_get(check, "difference")));
}

void export_csv(FILE *out, const struct table *tables, size_t n)
{
	size_t i, col;

	fputs("scenario,point,configuration,parameters,workload,unit,work,metric,isa,reason,detail,"
	      "value\n", out);
	for (i = 0; i < n; i++) {
		for (col = 0; col < tables[i].nr_cols; col++)
			csv_column(out, &tables[i], col);
	}
}

static json_t *row_json(const struct table *t, const struct row *row, size_t col)
{
	const struct cell *cell = &row->cells[col];
	json_t *j = json_pack("{s:s, s:I, s:s}", "isa", row->isa, "reason",
			      (json_int_t)row->reason, "name", row->name);

	if (row->has_detail) {
		json_object_set_new(j, "detail", json_integer(row->detail));
		json_object_set_new(j, "detail_name", json_string(row->detail_name));
	}
	json_object_set_new(j, "family", json_string(family_name(row->family)));
	json_object_set_new(j, "count", json_integer(cell->count));
	json_object_set_new(j, "per_unit", json_real(table_rate(t, row, col)));
	json_object_set_new(j, "timed", json_integer(cell->timed));
	json_object_set_new(j, "handling_ns", json_integer(cell->total_ns));
	return j;
}

static json_t *column_json(const struct table *t, size_t col)
{
	const struct column *c = &t->cols[col];
	json_t *j = json_object(), *reasons = json_array(), *v;
	static const char *const kept[] = { "result", "counters", "checks" };
	size_t i;

	json_object_set_new(j, "point", json_string(c->rec->id));
	json_object_set_new(j, "configuration", json_string(c->rec->config));
	json_object_set(j, "parameters", c->rec->parameters);
	json_object_set_new(j, "repeat", json_integer(c->rec->repeat));
	json_object_set_new(j, "work", json_real(c->work));
	json_object_set(j, "duration_ns", json_object_get(c->window, "duration_ns"));
	json_object_set_new(j, "vcpus", json_integer(c->vcpus));
	json_object_set_new(j, "exits", json_integer(c->exits));
	json_object_set_new(j, "entries", json_integer(c->entries));
	json_object_set_new(j, "exits_per_unit", json_real(table_rate(t, NULL, col)));
	json_object_set_new(j, "exits_per_s",
			    json_real(c->duration_s > 0 ? c->exits / c->duration_s : 0));
	json_object_set_new(j, "guest_percent", json_real(table_guest_percent(c)));
	json_object_set_new(j, "handling_ns", json_integer(c->handling_ns));
	json_object_set_new(j, "halted_ns", json_integer(c->halted_ns));
	json_object_set_new(j, "lost_events", json_integer(c->lost));
	for (i = 0; i < t->nr_rows; i++) {
		if (t->rows[i].cells[col].count)
			json_array_append_new(reasons, row_json(t, &t->rows[i], col));
	}
	json_object_set_new(j, "reasons", reasons);
	if (eli_in_table(t))
		json_object_set_new(j, "eli", eli_json(t, col));
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		v = json_object_get(c->window, kept[i]);
		if (v)
			json_object_set(j, kept[i], v);
	}
	return j;
}

json_t *export_json(const struct table *tables, size_t n)
{
	json_t *list = json_array(), *cols;
	size_t i, col;

	for (i = 0; i < n; i++) {
		const struct table *t = &tables[i];
		const struct record *r = t->nr_cols ? t->cols[0].rec : NULL;

		if (!r)
			continue;
		cols = json_array();
		for (col = 0; col < t->nr_cols; col++)
			json_array_append_new(cols, column_json(t, col));
		json_array_append_new(list, json_pack(
			"{s:{s:s, s:s, s:s}, s:O, s:s, s:s, s:s, s:s, s:o}",
			"scenario", "name", r->scenario, "title", r->title, "sha256", r->sha256,
			"time_base", json_object_get(r->root, "time_base"),
			"workload", t->workload, "title", t->title, "tool", t->tool,
			"unit", t->unit, "points", cols));
	}
	return json_pack("{s:s, s:o}", "schema", "exitlab-analysis/1", "tables", list);
}
