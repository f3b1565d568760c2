// SPDX-License-Identifier: GPL-2.0
/* Comparisons as CSV and JSON: a value that is not available is an empty field, or null. */
#include <string.h>

#include "analyze/compare_print.h"
#include "analyze/export.h"

static const char *kind_name(enum compare_kind kind)
{
	static const char *const names[] = {
		[COMPARE_REASON] = "reason", [COMPARE_OTHER] = "other", [COMPARE_TOTAL] = "total",
		[COMPARE_SIGNAL] = "signal", [COMPARE_TIME] = "time",
		[COMPARE_TIME_TOTAL] = "time_total",
	};

	return names[kind];
}

static void csv_number(FILE *out, bool has, double v)
{
	fputc(',', out);
	if (has)
		fprintf(out, "%.15g", v);
}

static void csv_row(FILE *out, const struct compare *all, const struct comparison *c,
		    const struct compare_row *row)
{
	const char *fields[] = { c->point, c->table.workload, c->table.unit, kind_name(row->kind),
				 row->label, NULL };
	size_t col, i;

	for (col = 0; col < c->nr_cols; col++) {
		const struct compare_value *v = &row->values[col];
		double difference, percent;
		bool has = compare_difference(c, row, col, &difference);
		bool has_percent = compare_percent(c, row, col, &percent);

		fields[5] = all->sets[c->cols[col].set].label;
		for (i = 0; i < 6; i++) {
			if (i)
				fputc(',', out);
			export_field(out, fields[i]);
		}
		fprintf(out, ",%zu", c->cols[col].n);
		csv_number(out, v->has, v->mean);
		csv_number(out, v->has, v->min);
		csv_number(out, v->has, v->max);
		csv_number(out, has, difference);
		csv_number(out, has_percent, percent);
		fputc('\n', out);
	}
}

void compare_csv(FILE *out, const struct compare *c)
{
	size_t i, j;

	fputs("point,workload,unit,kind,row,set,repeats,value,min,max,difference,percent\n", out);
	for (i = 0; i < c->n; i++) {
		for (j = 0; j < c->list[i].nr_rows; j++)
			csv_row(out, c, &c->list[i], &c->list[i].rows[j]);
	}
}

static json_t *number(bool has, double v)
{
	return has ? json_real(v) : json_null();
}

static json_t *row_json(const struct compare *all, const struct comparison *c,
			const struct compare_row *row)
{
	json_t *j = json_pack("{s:s, s:s}", "kind", kind_name(row->kind), "label", row->label);
	json_t *values = json_array();
	size_t col;

	if (row->reason) {
		json_object_set_new(j, "isa", json_string(row->reason->isa));
		json_object_set_new(j, "reason", json_integer(row->reason->reason));
		if (row->reason->has_detail)
			json_object_set_new(j, "detail", json_integer(row->reason->detail));
		json_object_set_new(j, "family", json_string(family_name(row->reason->family)));
	}
	for (col = 0; col < c->nr_cols; col++) {
		const struct compare_value *v = &row->values[col];
		double difference, percent;
		bool has = compare_difference(c, row, col, &difference);
		bool has_percent = compare_percent(c, row, col, &percent);

		json_array_append_new(values, json_pack(
			"{s:s, s:o, s:o, s:o, s:o, s:o}",
			"set", all->sets[c->cols[col].set].label,
			"per_unit", number(v->has, v->mean), "min", number(v->has, v->min),
			"max", number(v->has, v->max), "difference", number(has, difference),
			"percent", number(has_percent, percent)));
	}
	json_object_set_new(j, "values", values);
	return j;
}

static json_t *side_json(const struct compare *all, const struct comparison *c, size_t col)
{
	const struct record *r = compare_record(c, col);
	json_t *machine = json_object_get(r->root, "machine"), *v;
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:O, s:I, s:s, s:s}",
			      "set", all->sets[c->cols[col].set].label, "scenario", r->scenario,
			      "point", r->id, "configuration", r->config,
			      "parameters", r->parameters, "repeats",
			      (json_int_t)c->cols[col].n, "time", record_time_label(r),
			      "time_kind", compare_time_kind(r));
	static const char *const kept[] = { "kernel", "testbed" };
	size_t i;

	for (i = 0; i < 2; i++) {
		v = json_object_get(machine, kept[i]);
		json_object_set_new(j, kept[i], json_is_string(v) ? json_incref(v) : json_null());
	}
	return j;
}

static json_t *comparison_json(const struct compare *all, const struct comparison *c)
{
	static const char *const exactness[] = {
		[COMPARE_EXACT] = "exact", [COMPARE_OTHER_TESTBED] = "other testbed",
		[COMPARE_INEXACT] = "inexact",
	};
	json_t *sides = json_array(), *rows = json_array(), *fields = json_array();
	size_t i;

	for (i = 0; i < c->nr_cols; i++)
		json_array_append_new(sides, side_json(all, c, i));
	for (i = 0; i < c->nr_rows; i++)
		json_array_append_new(rows, row_json(all, c, &c->rows[i]));
	for (i = 0; i < c->nr_fields; i++) {
		const struct compare_field *f = &c->fields[i];

		json_array_append_new(fields, json_pack(
			"{s:s, s:s, s:s, s:s}", "set", all->sets[c->cols[f->col].set].label,
			"field", f->path, "reference", f->from, "value", f->to));
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "point", c->point,
			 "workload", c->table.workload, "title", c->table.title,
			 "unit", c->table.unit, "counts", exactness[c->exactness],
			 "times_comparable", c->same_time, "sides", sides, "differs", fields,
			 "rows", rows);
}

json_t *compare_json(const struct compare *c)
{
	json_t *sets = json_array(), *unmatched = json_array(), *list = json_array();
	size_t i;

	for (i = 0; i < c->nr_sets; i++)
		json_array_append_new(sets, json_pack("{s:s, s:s, s:I}", "label",
						      c->sets[i].label, "path", c->sets[i].path,
						      "records", (json_int_t)c->sets[i].rs.n));
	for (i = 0; i < c->nr_unmatched; i++)
		json_array_append_new(unmatched, json_string(c->unmatched[i]));
	for (i = 0; i < c->n; i++)
		json_array_append_new(list, comparison_json(c, &c->list[i]));
	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "schema", "exitlab-compare/1", "reference",
			 c->sets[c->reference].label, "sets", sets, "comparisons", list,
			 "unmatched", unmatched);
}
